import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from './testing/seed.ts'
import {
  askToken,
  asOperator,
  assertionOf,
  freePort,
  freshNonce,
  getToken,
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
})
