/** What each kind of withdrawal stops: tokens that are out, tokens that would be minted next, and the way back in. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { addAgent, addFiles, claimsOf, FILES, type SeededCode, seedCode } from '../testing/seed.ts'
import {
  asOperator,
  callApi,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  proofOf,
  type TestAgent,
  type World,
} from '../testing/world.ts'

describe('withdrawals', () => {
  let world: World
  let issuer: string
  let operator: Awaited<ReturnType<typeof asOperator>>
  before(async () => {
    world = await openWorld()
    issuer = world.config.issuer
    operator = await asOperator(world)
    await addFiles(world)
  })
  after(() => world.close())

  const redeemed = async (agent: TestAgent, seeded: SeededCode) => {
    const { status, body } = await getToken(issuer, agent, { form: seeded.form })
    assert.equal(status, 200, JSON.stringify(body))
    return { token: String(body.access_token), refresh: String(body.refresh_token) }
  }
  const refreshing = (agent: TestAgent, refresh: string) =>
    getToken(issuer, agent, { form: { grant_type: 'refresh_token', refresh_token: refresh } })
  const own = (agent: TestAgent) => getToken(issuer, agent, { form: { resource: FILES } })
  const revoke = async (body: Record<string, unknown>): Promise<void> => {
    const answer = await operator.call('POST', '/v1/revocations', body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
  }
  const person = async (sub: string, session: string): Promise<void> => {
    const { db, domain } = world.authority.embedded
    const now = Date.now()
    await db.atomically([
      {
        sql: 'insert into people (domain, person_id, name, role, status, created_at) values (?, ?, ?, ?, ?, ?)',
        parameters: [domain.id, sub, 'Eve', 'member', 'active', now],
      },
      {
        sql: `insert into people_sessions (domain, secret_hash, session_id, person_id, method, auth_time, expires_at)
          values (?, ?, ?, ?, 'passkey', ?, ?)`,
        parameters: [domain.id, session, session, sub, now, now + 60_000],
      },
    ])
  }
  const sessionsOf = async (sub: string): Promise<number> => {
    const { db, domain } = world.authority.embedded
    const parameters = [domain.id, sub]
    return (
      await db.read({ sql: 'select 1 as one from people_sessions where domain = ? and person_id = ?', parameters })
    ).length
  }

  test('an owner: its agents stop, the suspended ones too, and nothing of the time before comes back', async () => {
    const { body: team } = await operator.call('POST', '/v1/owners', { name: 'sales', kind: 'team' })
    const make = async (): Promise<TestAgent> => {
      const { key, jwk, jkt } = newAgentKey()
      const { body } = await operator.call('POST', '/v1/agents', { name: 'seller', owner: team.id, keys: [jwk] })
      return { clientId: String(body.id), key, jkt }
    }
    const [active, paused] = [await make(), await make()]
    const before = await redeemed(active, await seedCode(world, active.clientId))
    const earlier = await redeemed(paused, await seedCode(world, paused.clientId))
    await operator.call('POST', `/v1/agents/${paused.clientId}/suspend`)
    await revoke({ kind: 'owner', id: team.id })
    assert.equal((await own(active)).status, 401)
    await operator.call('POST', `/v1/agents/${paused.clientId}/resume`)
    await operator.call('POST', `/v1/agents/${active.clientId}/resume`)
    assert.equal((await refreshing(active, before.refresh)).body.error, 'invalid_grant')
    assert.equal((await refreshing(paused, earlier.refresh)).body.error, 'invalid_grant')
  })

  test('a session: no token from its codes and grants, and the browser is signed out', async () => {
    const agent = await addAgent(world)
    const seeded = await seedCode(world, agent.clientId)
    const later = await seedCode(world, agent.clientId)
    const { token } = await redeemed(agent, seeded)
    const sub = newId('usr', nodeRandom)
    await person(sub, String(claimsOf(token).sid))
    await revoke({ kind: 'session', id: claimsOf(token).sid })
    assert.equal(await sessionsOf(sub), 0)
    assert.equal((await redeemed(agent, later)).token === '', false, 'another session is another')
  })

  test('a subject: their grants and tokens end, and so do their sessions', async () => {
    const agent = await addAgent(world)
    const { token, refresh } = await redeemed(agent, await seedCode(world, agent.clientId))
    const sub = String(claimsOf(token).sub)
    await person(sub, newId('ses', nodeRandom))
    await revoke({ kind: 'subject', id: sub })
    assert.equal((await refreshing(agent, refresh)).body.error, 'invalid_grant')
    assert.equal(await sessionsOf(sub), 0)
  })

  test('a key: it proves nothing any more, neither possession nor who the client is', async () => {
    const agent = await addAgent(world)
    assert.equal((await own(agent)).status, 200)
    await revoke({ kind: 'key', id: agent.jkt })
    assert.equal((await own(agent)).body.error, 'invalid_grant')
    const nonce = await freshNonce(issuer, world.operator)
    const proof = await proofOf(newAgentKey().key, 'POST', `${issuer}/token`, { nonce })
    const answer = await getToken(issuer, agent, { form: { resource: FILES }, proof })
    assert.equal(answer.body.error, 'invalid_grant', 'the assertion is signed with the revoked key')
  })

  test('a client that is no agent of ours: what was granted to it ends', async () => {
    const url = 'https://client.example/metadata.json'
    const { grantId } = await seedCode(world, url)
    const { db } = world.authority.embedded
    await db.atomically([{ sql: 'UPDATE grants SET agent = NULL WHERE id = ?', parameters: [grantId] }])
    await revoke({ kind: 'agent', id: url })
    assert.equal((await operator.call('GET', `/v1/grants/${grantId}`)).body.status, 'revoked')
  })

  test('the last operator is not locked out, whichever way it is tried', async () => {
    const id = world.operator.clientId
    const { body: agents } = await operator.call('GET', '/v1/agents')
    const self = (agents.agents as { id: string; owner: string }[]).find((one) => one.id === id)
    const tries: [string, string, unknown?][] = [
      ['POST', `/v1/agents/${id}/suspend`],
      ['POST', `/v1/agents/${id}/retire`],
      ['DELETE', `/v1/agents/${id}/keys/${world.operator.jkt}`],
      ['POST', '/v1/revocations', { kind: 'agent', id }],
      ['POST', '/v1/revocations', { kind: 'owner', id: self?.owner }],
      ['POST', '/v1/revocations', { kind: 'key', id: world.operator.jkt }],
    ]
    for (const [method, path, body] of tries) {
      const answer = await operator.call(method, path, body)
      assert.deepEqual([answer.status, answer.body.code], [409, 'last_operator'], `${method} ${path}`)
    }
    const again = await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
    assert.equal(again.status, 200)
    // With a second key the first one can go: a stolen key is not kept for fear of the lock.
    const spare = newAgentKey()
    assert.equal((await operator.call('POST', `/v1/agents/${id}/keys`, { key: spare.jwk })).status, 200)
    const renewed: TestAgent = { clientId: id, key: spare.key, jkt: spare.jkt }
    const { body } = await getToken(issuer, renewed, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
    const gone = await callApi(
      issuer,
      renewed,
      String(body.access_token),
      'DELETE',
      `/v1/agents/${id}/keys/${world.operator.jkt}`,
    )
    assert.equal(gone.status, 200, JSON.stringify(gone.body))
    assert.equal((await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1` } })).status, 401)
  })
})
