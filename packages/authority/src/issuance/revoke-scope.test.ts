/** A token that can only take authority away: who gets one, what it opens, and that a full ledger does not hold it up. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { verifyAudit } from '@credence/audit'
import type { LedgerRecord } from '@credence/model'
import { ledgerDir } from '../storage.ts'
import { filesWithLever } from '../testing/full-disk.ts'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from '../testing/seed.ts'
import {
  askToken,
  asOperator,
  assertionOf,
  callApi,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  proofOf,
  type TestAgent,
  type World,
} from '../testing/world.ts'

const wanting = (world: World, agent: TestAgent, scope: string) =>
  getToken(world.config.issuer, agent, { form: { resource: `${world.config.issuer}/v1`, scope } })

const recordsOf = async (world: World): Promise<LedgerRecord[]> => {
  const operator = await asOperator(world)
  const { body } = await operator.call('GET', '/v1/audit/records?n=1000')
  return (body.records as { record: LedgerRecord }[]).map(({ record }) => record)
}

describe('the scope revoke', () => {
  let world: World
  before(async () => {
    world = await openWorld()
    await addFiles(world)
  })
  after(() => world.close())

  test('the operator is given it, alone or beside others', async () => {
    for (const scope of ['revoke', 'admin revoke']) {
      const { status, body } = await wanting(world, world.operator, scope)
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(claimsOf(body.access_token).scope, scope)
    }
  })

  test('nobody else is, and it means nothing at another resource', async () => {
    const operator = await asOperator(world)
    const { key, jwk, jkt } = newAgentKey()
    const { body } = await operator.call('POST', '/v1/agents', { name: 'edge', role: 'node', keys: [jwk] })
    const node: TestAgent = { clientId: String(body.id), key, jkt }
    for (const agent of [node, await addAgent(world)]) {
      const refused = await wanting(world, agent, 'revoke')
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_scope'])
    }
    const elsewhere = await getToken(world.config.issuer, world.operator, {
      form: { resource: FILES, scope: 'revoke' },
    })
    assert.equal(elsewhere.body.error, 'invalid_scope')
  })

  test("a person's grant with that scope opens nothing", async () => {
    const { issuer } = world.config
    const agent = await addAgent(world)
    const seeded = await seedCode(world, agent.clientId, { resource: `${issuer}/v1`, scope: 'revoke' })
    const { status, body } = await getToken(issuer, agent, { form: seeded.form })
    assert.equal(status, 200, JSON.stringify(body))
    const token = String(body.access_token)
    const path = `/v1/agents/${agent.clientId}/suspend`
    const refused = await callApi(issuer, agent, token, 'POST', path)
    assert.deepEqual([refused.status, refused.body.code], [403, 'policy_refused'])
  })

  test('policy is asked for the token and for what is done with it', async () => {
    const { issuer } = world.config
    const operator = await asOperator(world)
    const { body } = await operator.call('GET', '/v1/policies')
    const { files } = (body as { source: { files: { name: string; text: string }[] } }).source
    const forbid = (action: string) =>
      operator.call('PUT', '/v1/policies', {
        files: [...files, { name: 'more.cedar', text: `forbid (principal, action == Action::"${action}", resource);` }],
      })
    assert.equal((await forbid('authority.revoke')).status, 200)
    const token = String((await wanting(world, world.operator, 'revoke')).body.access_token)
    const refused = await callApi(issuer, world.operator, token, 'POST', '/v1/revocations', {
      kind: 'token',
      id: 'jti_x',
    })
    assert.deepEqual([refused.status, refused.body.code], [403, 'policy_refused'])
    assert.equal((await forbid('token.issue')).status, 200)
    assert.equal((await wanting(world, world.operator, 'revoke')).status, 403)
    assert.equal((await operator.call('PUT', '/v1/policies', { files })).status, 200)
  })
})

describe('the scope revoke while the ledger cannot be written', () => {
  let world: World
  let agent: TestAgent
  const files = filesWithLever()
  before(async () => {
    world = await openWorld({ deps: { ledgerFiles: files } })
    agent = await addAgent(world)
    await freshNonce(world.config.issuer, world.operator)
    files.full = true
  })
  after(() => world.close())

  test('a token for it is issued, and for nothing wider', async () => {
    const { issuer } = world.config
    for (const scope of ['admin', 'admin revoke', 'revoke node', 'decide']) {
      assert.equal((await wanting(world, world.operator, scope)).status, 503, scope)
    }
    const details = JSON.stringify([{ type: 'mcp_tools', locations: [`${issuer}/v1`], tools: ['x'] }])
    const form = { resource: `${issuer}/v1`, scope: 'revoke', authorization_details: details }
    assert.equal((await getToken(issuer, world.operator, { form })).status, 503, 'with details')
    assert.equal(
      (await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1` } })).status,
      503,
      'no scope',
    )
    assert.equal((await wanting(world, agent, 'revoke')).body.error, 'invalid_scope')
    assert.equal((await wanting(world, world.operator, 'revoke')).status, 200)
  })

  test('assertion and proof are still good once', async () => {
    const { issuer } = world.config
    const form = { resource: `${issuer}/v1`, scope: 'revoke' }
    const { headers } = await askToken(issuer, world.operator, { form, nonce: 'none' })
    const nonce = headers.get('dpop-nonce') ?? ''
    const assertion = await assertionOf(issuer, world.operator)
    const proof = await proofOf(world.operator.key, 'POST', `${issuer}/token`, { nonce })
    assert.equal((await askToken(issuer, world.operator, { form, assertion, proof })).status, 200)
    const replays = [{ assertion }, { proof }, { assertion, proof }]
    for (const replay of replays) {
      const { status, body } = await askToken(issuer, world.operator, { form, ...replay })
      assert.ok(status === 400 || status === 401, JSON.stringify(body))
      assert.equal(body.access_token, undefined)
    }
  })

  test('with it an agent is stopped at once; what fails and what goes through is told apart afterwards', async () => {
    const { issuer } = world.config
    const { body } = await wanting(world, world.operator, 'revoke')
    const token = String(body.access_token)
    const call = (path: string, more?: unknown) => callApi(issuer, world.operator, token, 'POST', path, more)
    assert.equal((await call('/v1/owners', { name: 'more', kind: 'team' })).status, 403)
    assert.equal((await call(`/v1/agents/${agent.clientId}/resume`)).status, 403)
    assert.equal((await call('/v1/agents/agt_unknown/suspend')).status, 404)
    assert.equal((await call(`/v1/agents/${world.operator.clientId}/suspend`)).status, 409)
    assert.equal((await call(`/v1/agents/${agent.clientId}/suspend`)).status, 200)
    assert.equal((await getToken(issuer, agent, { form: { resource: `${issuer}/v1` } })).body.error, 'invalid_client')

    files.full = false
    const { ledger } = world.authority.embedded
    for (let wait = 0; wait < 50 && (await fetch(`${issuer}/readyz`)).status !== 200; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    const records = await recordsOf(world)
    const jti = String(claimsOf(token).jti)
    const issued = records.find((one) => one.kind === 'intent' && one.facts?.jti === jti)
    assert.equal(issued?.kind === 'intent' && issued.method, 'token.issue')
    const suspended = records.filter((one) => one.kind === 'intent' && one.method === 'agent.suspend')
    assert.deepEqual(
      suspended.map((one) => one.kind === 'intent' && [one.name, one.jti]),
      [[agent.clientId, jti]],
      'what was refused left no intent',
    )
    const outcomes = records.filter((one) => one.kind === 'outcome').map((one) => one.kind === 'outcome' && one.intent)
    for (const intent of [issued, suspended[0]]) assert.ok(outcomes.includes(String(intent?.id)))
    await ledger.publish()
    const verdict = await verifyAudit(ledgerDir(world.config.dataDir), ledger.verifierKey)
    assert.deepEqual([verdict.sound, verdict.findings], [true, []])
  })
})
