import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decodeRecord, verifyAudit } from '@credence/audit'
import { newId, toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { exportLedger } from './ledger/export.ts'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from './testing/seed.ts'
import {
  askToken,
  asOperator,
  assertionOf,
  freePort,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  proofOf,
  type TestAgent,
  type World,
} from './testing/world.ts'

const url = process.env.CREDENCE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test'

const reachable = (): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port || 5432), hostname)
    socket.once('connect', () => resolve(socket.end() && true)).once('error', () => resolve(false))
  })

const available = await reachable()
if (!available && process.env.CI === 'true') throw new Error('PostgreSQL is not reachable; CI must have one')

describe('two nodes on PostgreSQL', { skip: available ? false : `no PostgreSQL at ${url}` }, () => {
  const schema = `authority_${toBase64url(nodeRandom.bytes(6))
    .replace(/[^A-Za-z0-9]/g, 'x')
    .toLowerCase()}`
  let one: World
  let two: World
  let agent: TestAgent
  let issuer: string
  let other: string

  before(async () => {
    const keyEncryptionKey = toBase64url(nodeRandom.bytes(32))
    const database = { engine: 'postgres', url, schema } as const
    one = await openWorld({ config: { database, keyEncryptionKey } })
    issuer = one.config.issuer
    const port = await freePort()
    two = await openWorld({ config: { database, keyEncryptionKey, issuer, listen: { host: '127.0.0.1', port } } })
    other = `http://127.0.0.1:${port}`
    await addFiles(one)
    agent = await addAgent(one)
  })
  after(async () => {
    await two.close()
    await one.authority.embedded.db.atomically([{ sql: `DROP SCHEMA "${schema}" CASCADE`, parameters: [] }])
    await one.close()
  })

  const won = (answers: readonly { status: number }[]) => answers.filter(({ status }) => status === 200).length
  const at = (n: number) => (n % 2 === 0 ? {} : { at: other })
  const hundred = (ask: (n: number) => ReturnType<typeof askToken>) =>
    Promise.all(Array.from({ length: 100 }, (_, n) => ask(n)))

  test('a code, a refresh token, an assertion and a proof have one winner among a hundred', async () => {
    const nonce = await freshNonce(issuer, agent)
    const { form } = await seedCode(one, agent.clientId)
    assert.equal(won(await hundred((n) => askToken(issuer, agent, { form, nonce, ...at(n) }))), 1)

    const second = await seedCode(one, agent.clientId)
    const { body } = await getToken(issuer, agent, { form: second.form })
    const refresh = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) }
    assert.equal(won(await hundred((n) => askToken(issuer, agent, { form: refresh, nonce, ...at(n) }))), 1)

    const own = { form: { resource: FILES }, nonce }
    const assertion = await assertionOf(issuer, agent)
    assert.equal(won(await hundred((n) => askToken(issuer, agent, { ...own, assertion, ...at(n) }))), 1)
    const proof = await proofOf(agent.key, 'POST', `${issuer}/token`, { nonce })
    assert.equal(won(await hundred((n) => askToken(issuer, agent, { ...own, proof, ...at(n) }))), 1)
  })

  test('a suspension at one node is in force at the other, and its tokens name a number that it passes', async () => {
    const victim = await addAgent(one)
    const given = await getToken(issuer, victim, { form: { resource: FILES }, at: other })
    assert.equal(given.status, 200, JSON.stringify(given.body))
    const operator = await asOperator(one)
    await operator.call('POST', `/v1/agents/${victim.clientId}/suspend`)
    const refused = await getToken(issuer, victim, { form: { resource: FILES }, at: other })
    assert.ok(refused.status === 400 || refused.status === 401)
    const { feed } = claimsOf(given.body.access_token).credence as { feed: number }
    await two.authority.embedded.revocations.caughtUp(feed + 1)
    assert.ok(two.authority.embedded.revocations.number > feed)
  })

  const soon = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 150; tries += 1) {
      if (await holds()) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.fail(`${what} did not come to pass in 3 s`)
  }

  test('what is set up at one node is in force at the other: servers, policies, people', async () => {
    const operator = await asOperator(one)
    const added = await operator.call('POST', '/v1/servers', { name: 'notes', kind: 'stdio' })
    assert.equal(added.status, 201)
    await soon('the server', () => two.authority.embedded.registry().servers.some(({ name }) => name === 'notes'))

    const { body } = await operator.call('GET', '/v1/policies')
    const { files } = (body as { source: { files: { name: string; text: string }[] } }).source
    const changed = files.map(({ name, text }) => ({
      name,
      text: `${text}\n@id("at-one-node") forbid(principal, action, resource) when { false };`,
    }))
    const applied = await operator.call('PUT', '/v1/policies', { files: changed.slice(0, 1).concat(files.slice(1)) })
    assert.ok(applied.status < 300, JSON.stringify(applied.body))
    const version = () => one.authority.embedded.decider.snapshot.version
    await soon('the policy', () => two.authority.embedded.decider.snapshot.version === version())

    const { db, domain } = one.authority.embedded
    const parameters = [domain.id, 'usr_somebody', 'Grace', 'member', 'active', Date.now()]
    await db.atomically([
      {
        sql: 'INSERT INTO people (domain, person_id, name, role, status, created_at) VALUES (?, ?, ?, ?, ?, ?)',
        parameters,
      },
    ])
    const party = { iss: issuer, sub: 'usr_somebody' }
    await soon('the person', () => two.authority.embedded.view.person?.(party) !== undefined)
  })

  test('the state that one node tells has what the other has just changed', async (t) => {
    const operator = await asOperator(one)
    const { key, jwk, jkt } = newAgentKey()
    const { body } = await operator.call('POST', '/v1/agents', { name: 'gateway', keys: [jwk], role: 'node' })
    const node = { clientId: String(body.id), key, jkt }
    const given = await getToken(issuer, node, { form: { resource: `${issuer}/v1`, scope: 'node' } })
    const accessToken = String(given.body.access_token)
    // The other node is slow in applying what it hears.
    const { directory } = two.authority.embedded as unknown as { directory: { refresh: (id: string) => Promise<void> } }
    const { refresh } = directory
    t.after(() => Object.assign(directory, { refresh }))
    directory.refresh = async (id) => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      await refresh(id)
    }
    for (let n = 0; n < 3; n += 1) {
      const dpop = await proofOf(key, 'GET', `${issuer}/v1/state`, { accessToken })
      const added = await operator.call('POST', '/v1/agents', { name: `late-${n}`, keys: [newAgentKey().jwk] })
      const answer = await fetch(`${other}/v1/state`, { headers: { authorization: `DPoP ${accessToken}`, dpop } })
      const state = (await answer.json()) as { agents?: readonly { id: string }[] }
      assert.equal(answer.status, 200, JSON.stringify(state))
      assert.ok(
        state.agents?.some(({ id }) => id === added.body.id),
        `change ${n} is missing`,
      )
    }
  })

  test('what both nodes find owed to the ledger is written once', async () => {
    const { db, domain } = one.authority.embedded
    const ids = Array.from({ length: 40 }, () => newId('rec', nodeRandom))
    const record = JSON.stringify({
      kind: 'reduction',
      feed: 1,
      keys: ['grant:x'],
      by: { iss: issuer, sub: 'x' },
      reason: 'r',
    })
    await db.atomically(
      ids.map((id, at) => ({
        sql: 'INSERT INTO outbox (domain, id, record, created) VALUES (?, ?, ?, ?)',
        parameters: [domain.id, id, record, at],
      })),
    )
    await soon(
      'the outbox is empty',
      async () => (await db.read({ sql: 'SELECT id FROM outbox LIMIT 1', parameters: [] })).length === 0,
    )
    const { ledger } = two.authority.embedded
    await ledger.refresh()
    const times = new Map<string, number>()
    for await (const { entry } of ledger.entries(0, ledger.size())) {
      const { id } = decodeRecord(entry)
      times.set(id, (times.get(id) ?? 0) + 1)
    }
    for (const id of ids) assert.equal(times.get(id), 1, id)
  })

  test('what was recorded at one node is shown and proved at the other at once', async () => {
    const { token } = await asOperator(one)
    const at = async (node: string, path: string) => {
      const proof = await proofOf(one.operator.key, 'GET', `${issuer}${path}`, { accessToken: token })
      const answer = await fetch(`${node}${path}`, { headers: { authorization: `DPoP ${token}`, DPoP: proof } })
      assert.equal(answer.status, 200)
      return (await answer.json()) as { readonly size: number; readonly index: number; readonly treeSize: number }
    }
    for (let round = 0; round < 5; round += 1) {
      await getToken(issuer, agent, { form: { resource: FILES } })
      const { size } = await at(issuer, '/v1/audit/checkpoint')
      assert.ok((await at(other, '/v1/audit/checkpoint')).size >= size)
      const proved = await at(other, `/v1/audit/proof/${size - 1}`)
      assert.ok(proved.index === size - 1 && proved.treeSize >= size)
    }
  })

  test('one ledger that verifies, whoever wrote', async () => {
    const { ledger: first, db, domain } = one.authority.embedded
    const { ledger: second } = two.authority.embedded
    await Promise.all([first.refresh(), second.refresh()])
    assert.equal(first.verifierKey, second.verifierKey)
    const dir = mkdtempSync(join(tmpdir(), 'credence-copy-'))
    const kept = [first.checkpoint(), second.checkpoint()]
    await exportLedger(db, join(dir, 'ledger'), { key: first.verifierKey, domain: domain.id })
    const verdict = await verifyAudit(join(dir, 'ledger'), first.verifierKey, { domain: domain.id, against: kept })
    rmSync(dir, { recursive: true, force: true })
    assert.equal(verdict.sound, true, JSON.stringify([verdict.ledger, verdict.findings]))
    assert.ok(verdict.records > 100)
  })

  test('a node with another key-encryption key does not start', async () => {
    const port = await freePort()
    const database = { engine: 'postgres', url, schema } as const
    const config = {
      database,
      keyEncryptionKey: toBase64url(nodeRandom.bytes(32)),
      issuer,
      listen: { host: '127.0.0.1', port },
    }
    await assert.rejects(openWorld({ config }), { kind: 'unavailable', code: 'unsealable' })
  })
})
