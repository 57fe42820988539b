/** Minting against withdrawing, a thousand times: no token is born after the withdrawal committed and is accepted. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { readCredenceToken } from '@credence/guard'
import { toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { parseAccessToken } from '@credence/protocol/access-token'
import { accessTokenHash } from '@credence/protocol/dpop'
import { addAgent, addFiles, type SeededCode, seedCode } from '../testing/seed.ts'
import { askToken, asOperator, freePort, freshNonce, openWorld, type TestAgent, type World } from '../testing/world.ts'

const TIMES = 1_000
const AT_ONCE = 20

interface Race {
  /** Where the withdrawal is done. */
  readonly here: World
  /** Where tokens are asked for. */
  readonly there: string
  readonly agent: TestAgent
}

const once = async (
  { here, there, agent }: Race,
  code: SeededCode,
  nonce: string,
  head: number,
  operator: Awaited<ReturnType<typeof asOperator>>,
) => {
  const [minted, revoked] = await Promise.all([
    askToken(here.config.issuer, agent, { form: code.form, nonce, at: there }),
    head % 3 === 0 ? undefined : operator.call('POST', `/v1/grants/${code.grantId}/revoke`),
  ])
  const late = revoked ?? (await operator.call('POST', `/v1/grants/${code.grantId}/revoke`))
  assert.equal(late.status, 200, JSON.stringify(late.body))
  return minted.status === 200
    ? { token: String(minted.body.access_token), refresh: String(minted.body.refresh_token) }
    : undefined
}

const race = async (scene: Race): Promise<void> => {
  const { here, there, agent } = scene
  const { issuer } = here.config
  const { domain, revocations, db } = here.authority.embedded
  const nonce = await freshNonce(issuer, agent)
  const operator = await asOperator(here)
  const codes: SeededCode[] = []
  for (let n = 0; n < TIMES; n += 1) codes.push(await seedCode(here, agent.clientId))
  const given: { token: string; refresh: string }[] = []
  for (let at = 0; at < TIMES; at += AT_ONCE) {
    const some = await Promise.all(
      codes.slice(at, at + AT_ONCE).map((code, n) => once(scene, code, nonce, n, operator)),
    )
    given.push(...some.filter((one) => one !== undefined))
  }
  assert.ok(given.length > TIMES / 5, `${given.length} of ${TIMES} tokens came first`)
  const [head] = await db.read({ sql: 'SELECT number FROM feed_head WHERE domain = ?', parameters: [domain.id] })
  await revocations.caughtUp(Number(head?.number))
  for (const { token } of given) {
    const { claims, kid = '' } = parseAccessToken(token)
    const facts = readCredenceToken(domain.id)(claims as never, { tokenHash: accessTokenHash(token), signingKey: kid })
    const told = JSON.stringify({ grant: facts.grant, feed: facts.feed, head: head?.number })
    assert.equal((await revocations.follow(facts)).revoked, true, `a token of a revoked grant is accepted: ${told}`)
  }
  for (const { refresh } of given.slice(0, 50)) {
    const form = { grant_type: 'refresh_token', refresh_token: refresh }
    assert.equal((await askToken(issuer, agent, { form, nonce, at: there })).body.error, 'invalid_grant')
  }
}

test('on SQLite', async () => {
  const world = await openWorld()
  try {
    await addFiles(world)
    await race({ here: world, there: world.config.issuer, agent: await addAgent(world) })
  } finally {
    await world.close()
  }
})

const url = process.env.CREDENCE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test'
const available = await new Promise<boolean>((resolve) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port || 5432), hostname)
  socket.once('connect', () => resolve(socket.end() && true)).once('error', () => resolve(false))
})
if (!available && process.env.CI === 'true') throw new Error('PostgreSQL is not reachable; CI must have one')

test('on PostgreSQL, minted at one node and withdrawn at the other', {
  skip: available ? false : `no PostgreSQL at ${url}`,
}, async () => {
  const schema = `race_${toBase64url(nodeRandom.bytes(6))
    .replace(/[^A-Za-z0-9]/g, 'x')
    .toLowerCase()}`
  const keyEncryptionKey = toBase64url(nodeRandom.bytes(32))
  const database = { engine: 'postgres', url, schema } as const
  const one = await openWorld({ config: { database, keyEncryptionKey } })
  const { issuer } = one.config
  const port = await freePort()
  const two = await openWorld({ config: { database, keyEncryptionKey, issuer, listen: { host: '127.0.0.1', port } } })
  try {
    await addFiles(one)
    await race({ here: one, there: `http://127.0.0.1:${port}`, agent: await addAgent(one) })
  } finally {
    await two.close()
    await one.authority.embedded.db.atomically([{ sql: `DROP SCHEMA "${schema}" CASCADE`, parameters: [] }])
    await one.close()
  }
})
