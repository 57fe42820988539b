/** kill -9 under load: whatever was answered is there, whatever is there was recorded first, and what was used stays used. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { decodeRecord } from '@credence/audit'
import type { Row } from '@credence/db'
import { rounds } from '@credence/kit/testing'
import { verifyLedger } from '@credence/ledger'
import type { LedgerRecord } from '@credence/model'
import { ledgerDir } from './storage.ts'
import { addAgent, addFiles, claimsOf, FILES, type SeededCode, seedCode } from './testing/seed.ts'
import {
  type Answer,
  askToken,
  asOperator,
  assertionOf,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  proofOf,
  type TestAgent,
  type World,
} from './testing/world.ts'

const CHILD = fileURLToPath(new URL('./testing/serve-until-killed.ts', import.meta.url))
const ROUNDS = rounds(5)
/** Tokens in each of them. */
const LEAST = 6

const serve = async (world: World): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(world.config)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('exit', () => reject(new Error('the authority did not start')))
  })
  return child
}

const killed = async (child: ChildProcess): Promise<void> => {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

/** What was answered before the kill. */
interface Answered {
  readonly tokens: string[]
  readonly agents: string[]
  readonly suspended: string[]
  readonly codes: SeededCode[]
  readonly used: { readonly assertion: string; readonly proof: string }[]
}

/** Repeats until the connection breaks, which is when the process was killed. */
const until = async (work: () => Promise<void>): Promise<void> => {
  try {
    for (;;) await work()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
}

/** Resolves when the load runs; `ended` when the last of it has noticed the kill. */
const load = async (
  world: World,
  agent: TestAgent,
  codes: readonly SeededCode[],
  answered: Answered,
): Promise<{ readonly ended: Promise<unknown> }> => {
  const { issuer } = world.config
  const operator = await asOperator(world)
  const nonce = await freshNonce(issuer, agent)
  const took = (answer: Answer): boolean => {
    if (answer.status === 200) answered.tokens.push(String(claimsOf(answer.body.access_token).jti))
    return answer.status === 200
  }
  const left = [...codes]
  const issuing = until(async () => {
    const assertion = await assertionOf(issuer, agent)
    const proof = await proofOf(agent.key, 'POST', `${issuer}/token`, { nonce })
    if (took(await askToken(issuer, agent, { form: { resource: FILES }, assertion, proof })))
      answered.used.push({ assertion, proof })
  })
  const redeeming = until(async () => {
    const code = left.pop()
    if (code === undefined) return void (await wait(5))
    const twice = [0, 1].map(() => askToken(issuer, agent, { form: code.form, nonce }))
    for (const one of await Promise.all(twice)) if (took(one)) answered.codes.push(code)
  })
  const administering = until(async () => {
    const { status, body } = await operator.call('POST', '/v1/agents', { name: 'extra', keys: [newAgentKey().jwk] })
    if (status !== 201) return
    answered.agents.push(String(body.id))
    const stopped = await operator.call('POST', `/v1/agents/${String(body.id)}/suspend`)
    if (stopped.status === 200) answered.suspended.push(String(body.id))
  })
  return { ended: Promise.all([issuing, redeeming, administering]) }
}

const recordsOf = async (world: World): Promise<LedgerRecord[]> => {
  const { ledger } = world.authority.embedded
  const found: LedgerRecord[] = []
  for await (const { entry } of ledger.entries(0, ledger.size())) found.push(decodeRecord(entry))
  return found
}

const rows = (world: World, sql: string): Promise<readonly Row[]> =>
  world.authority.embedded.db.read({ sql, parameters: [] })

const holds = async (world: World, agent: TestAgent, answered: Answered): Promise<void> => {
  const { issuer } = world.config
  const records = await recordsOf(world)
  const intents = new Map(records.flatMap((one) => (one.kind === 'intent' ? [[one.id as string, one]] : [])))
  const tokens = await rows(world, 'SELECT jti, intent, grant_id FROM tokens')
  for (const { jti, intent } of tokens) {
    assert.equal(intents.get(String(intent))?.facts?.jti, jti, 'a token without the record that came first')
  }
  const known = new Set(tokens.map(({ jti }) => jti))
  for (const jti of answered.tokens) assert.ok(known.has(jti), `token ${jti} was answered and is gone`)
  const grants = tokens.map(({ grant_id }) => grant_id).filter((id) => id !== null)
  assert.equal(new Set(grants).size, grants.length, 'a code gave two tokens')

  const agents = new Map((await rows(world, 'SELECT id, status FROM agents')).map(({ id, status }) => [id, status]))
  for (const id of answered.agents) assert.ok(agents.has(id), `agent ${id} was answered and is gone`)
  for (const id of answered.suspended) assert.equal(agents.get(id), 'suspended', id)
  const added = [...intents.values()].filter(({ method }) => method === 'agent.add').length
  assert.ok(added >= agents.size - 1, 'an agent without a record')

  const feed = (await rows(world, 'SELECT number FROM feed ORDER BY number')).map(({ number }) => Number(number))
  assert.deepEqual(
    feed,
    Array.from(feed, (_, n) => n + 1),
  )
  assert.equal(Number((await rows(world, 'SELECT number FROM feed_head'))[0]?.number), feed.length)
  assert.equal((await fetch(`${issuer}/readyz`)).status, 200)
  for (const { assertion, proof } of answered.used.slice(-3)) {
    assert.notEqual((await askToken(issuer, agent, { form: { resource: FILES }, assertion, proof })).status, 200)
  }
  for (const { form, grantId } of answered.codes.slice(-2)) {
    assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_grant')
    const [grant] = await rows(world, `SELECT status FROM grants WHERE id = '${grantId}'`)
    assert.equal(grant?.status, 'revoked', 'a second use is known as one after the crash')
  }
}

test('killed five times under load, the authority forgets nothing and does nothing twice', async () => {
  const world = await openWorld()
  try {
    await addFiles(world)
    const agent = await addAgent(world)
    let issued = 0
    let key = ''
    for (let round = 0; round < ROUNDS; round += 1) {
      const codes: SeededCode[] = []
      for (let n = 0; n < 30; n += 1) codes.push(await seedCode(world, agent.clientId))
      await world.authority.close()
      const child = await serve(world)
      const answered: Answered = { tokens: [], agents: [], suspended: [], codes: [], used: [] }
      const { ended } = await load(world, agent, codes, answered)
      await wait(250 + (round % 10) * 70)
      // A busy machine may have answered little by now; what nobody answered proves nothing.
      for (let more = 0; more < 100 && answered.tokens.length < LEAST; more += 1) await wait(50)
      await killed(child)
      await ended
      await world.restart()
      key = world.authority.embedded.ledger.verifierKey
      await holds(world, agent, answered)
      issued += answered.tokens.length
    }
    assert.ok(issued >= ROUNDS * LEAST, `only ${issued} tokens were issued`)
    await world.authority.close()
    const verdict = await verifyLedger(ledgerDir(world.config.dataDir), key)
    assert.equal(verdict.sound, true, JSON.stringify(verdict))
  } finally {
    await world.close().catch(() => undefined)
  }
})
