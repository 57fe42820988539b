/** The endpoints where clients authenticate: who is not the client is refused, what is issued or withdrawn is recorded. */
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { opensIntent, refusedCaller } from '@credence/kit/testing'
import { CLIENT_ASSERTION_TYPE } from '@credence/protocol/oauth'
import { addAgent, addFiles, FILES } from '../testing/seed.ts'
import {
  asOperator,
  assertionOf,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  postForm,
  proofOf,
  type TestAgent,
  type World,
} from '../testing/world.ts'

let world: World
let issuer: string
let agent: TestAgent
let operator: Awaited<ReturnType<typeof asOperator>>
before(async () => {
  world = await openWorld()
  issuer = world.config.issuer
  await addFiles(world)
  agent = await addAgent(world)
  operator = await asOperator(world)
})
after(() => world.close())

const tokenOf = async (who: TestAgent): Promise<string> =>
  String((await getToken(issuer, who, { form: { resource: FILES } })).body.access_token)

const PATHS: Readonly<Record<string, string>> = {
  'token.issue': '/token',
  'token.introspect': '/introspect',
  'token.revoke': '/revoke',
}

const assertedBy = async (who: TestAgent): Promise<Record<string, string>> => ({
  client_assertion_type: CLIENT_ASSERTION_TYPE,
  client_assertion: await assertionOf(issuer, who),
})

/** Everything but the identity is as it should be. */
const post = async (route: string, identity: Readonly<Record<string, string>>, prover: TestAgent): Promise<number> => {
  const nonce = await freshNonce(issuer, agent)
  const form =
    route === 'token.issue'
      ? { grant_type: 'client_credentials', resource: FILES, ...identity }
      : { token: await tokenOf(agent), ...identity }
  const proof = await proofOf(prover.key, 'POST', `${issuer}${PATHS[route]}`, { nonce })
  return (await postForm(`${issuer}${PATHS[route]}`, form, { DPoP: proof })).status
}

const records = async (): Promise<{ kind: string; method?: string }[]> => {
  const { body } = await operator.call('GET', '/v1/audit/records?n=1000')
  return (body.records as { record: { kind: string; method?: string } }[]).map(({ record }) => record)
}
const intentsOf = async (method: string): Promise<number> =>
  (await records()).filter((record) => record.kind === 'intent' && record.method === method).length

refusedCaller(['token.issue', 'token.introspect', 'token.revoke'], async (route) => {
  const stranger: TestAgent = { ...newAgentKey(), clientId: 'agt_AAAAAAAAAAAAAAAAAAAAAA' }
  const thief: TestAgent = { ...newAgentKey(), clientId: agent.clientId }
  const used = await assertedBy(agent)
  assert.equal((await post(route, used, agent)) < 500, true)
  const identities: readonly (readonly [string, Record<string, string>])[] = [
    ['nobody', {}],
    ['a name alone', { client_id: agent.clientId }],
    ['a stranger', await assertedBy(stranger)],
    ['a name with another key', await assertedBy({ ...thief, jkt: agent.jkt })],
    ['an assertion that was used', used],
  ]
  let status = 0
  for (const [who, identity] of identities) {
    status = await post(route, identity, agent)
    assert.equal(status, 401, `${route}: ${who}`)
  }
  return status
})

refusedCaller('token.introspect', async (route) => {
  const status = await post(route, await assertedBy(agent), agent)
  assert.equal(status, 403, 'an agent that is no node')
  return status
})

refusedCaller('token.issue', async (route) => {
  const before = await intentsOf('token.issue')
  await operator.call('POST', `/v1/agents/${agent.clientId}/suspend`)
  const status = await post(route, await assertedBy(agent), agent)
  await operator.call('POST', `/v1/agents/${agent.clientId}/resume`)
  assert.equal(status, 401, 'a suspended agent')
  assert.equal(await intentsOf('token.issue'), before)
  return status
})

opensIntent('token.issue', async (route) => {
  const before = await intentsOf(route)
  assert.notEqual(await tokenOf(agent), 'undefined')
  return (await intentsOf(route)) - before
})

opensIntent('token.revoke', async (route) => {
  const token = await tokenOf(agent)
  const before = await intentsOf(route)
  const { status } = await postForm(`${issuer}/revoke`, { token, ...(await assertedBy(agent)) })
  assert.equal(status, 200)
  return (await intentsOf(route)) - before
})
