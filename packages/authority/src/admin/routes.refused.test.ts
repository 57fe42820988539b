/** Every endpoint behind an access token: who may not is refused, and what changes anything is recorded first. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { opensIntent, refusedCaller } from '@credence/kit/testing'
import { addAgent, FILES, REDIRECT, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type TestAgent, type World } from '../testing/world.ts'

interface Request {
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

interface Scene {
  readonly world: World
  readonly operator: Awaited<ReturnType<typeof asOperator>>
  readonly helper: TestAgent
  readonly node: TestAgent
  readonly grant: string
  readonly person: string
  readonly spareKey: ReturnType<typeof newAgentKey>
  /** Tokens by who holds them and why that is not enough. */
  readonly tokens: Readonly<
    Record<'wrongScope' | 'otherAudience' | 'ownersAgent' | 'node' | 'adminOnly' | 'revokeOnly', string>
  >
}

let scene: Scene

const tokenOf = async (world: World, agent: TestAgent, form: Readonly<Record<string, string>>): Promise<string> => {
  const { status, body } = await getToken(world.config.issuer, agent, { form })
  assert.equal(status, 200, JSON.stringify(body))
  return String(body.access_token)
}

const addNode = async (operator: Scene['operator']): Promise<TestAgent> => {
  const { key, jwk, jkt } = newAgentKey()
  const { body } = await operator.call('POST', '/v1/agents', { name: 'node', role: 'node', keys: [jwk] })
  return { clientId: String(body.id), key, jkt }
}

/** The strongest person there is: what an owner lets an agent do is never administration. */
const makeOwner = async (world: World, person: string): Promise<void> => {
  const { db, domain, view } = world.authority.embedded
  const parameters = [domain.id, person, 'Ada', 'owner', 'active', Date.now()]
  const columns = 'domain, person_id, name, role, status, created_at'
  await db.atomically([{ sql: `insert into people (${columns}) values (?, ?, ?, ?, ?, ?)`, parameters }])
  await view.reload()
}

before(async () => {
  const world = await openWorld({ config: { dynamicRegistration: true } })
  const operator = await asOperator(world)
  const resource = `${world.config.issuer}/v1`
  for (const name of ['files', 'spare']) await operator.call('POST', '/v1/servers', { name, kind: 'stdio' })
  const helper = await addAgent(world)
  const node = await addNode(operator)
  const seeded = await seedCode(world, helper.clientId, { resource, scope: 'admin node decide' })
  const { body: grant } = await operator.call('GET', `/v1/grants/${seeded.grantId}`)
  const person = (grant.subject as { sub: string }).sub
  await makeOwner(world, person)
  scene = {
    world,
    operator,
    helper,
    node,
    grant: seeded.grantId,
    person,
    spareKey: newAgentKey(),
    tokens: {
      wrongScope: await tokenOf(world, helper, { resource }),
      otherAudience: await tokenOf(world, world.operator, { resource: FILES, scope: 'mcp:tools' }),
      ownersAgent: await tokenOf(world, helper, seeded.form),
      node: await tokenOf(world, node, { resource, scope: 'node decide' }),
      adminOnly: operator.token,
      revokeOnly: await tokenOf(world, world.operator, { resource, scope: 'revoke' }),
    },
  }
})
after(() => scene.world.close())

/** One good request for each route: refused callers fail because of who they are, not because of what they send. */
const requests: Readonly<Record<string, () => Request>> = {
  'agent.list': () => ({ method: 'GET', path: '/v1/agents' }),
  'agent.add': () => ({ method: 'POST', path: '/v1/agents', body: { name: 'new', keys: [newAgentKey().jwk] } }),
  'agent.show': () => ({ method: 'GET', path: `/v1/agents/${scene.helper.clientId}` }),
  'agent.suspend': () => ({ method: 'POST', path: `/v1/agents/${scene.helper.clientId}/suspend` }),
  'agent.resume': () => ({ method: 'POST', path: `/v1/agents/${scene.helper.clientId}/resume` }),
  'agent.retire': () => ({ method: 'POST', path: `/v1/agents/${scene.helper.clientId}/retire` }),
  'agent.key.add': () => ({
    method: 'POST',
    path: `/v1/agents/${scene.node.clientId}/keys`,
    body: { key: scene.spareKey.jwk },
  }),
  'agent.key.remove': () => ({
    method: 'DELETE',
    path: `/v1/agents/${scene.node.clientId}/keys/${scene.spareKey.jkt}`,
  }),
  'owner.list': () => ({ method: 'GET', path: '/v1/owners' }),
  'owner.add': () => ({ method: 'POST', path: '/v1/owners', body: { name: 'accounts', kind: 'team' } }),
  'audit.tail': () => ({ method: 'GET', path: '/v1/audit/records' }),
  'audit.trace': () => ({ method: 'GET', path: `/v1/audit/trace/${scene.helper.clientId}` }),
  'audit.proof': () => ({ method: 'GET', path: '/v1/audit/proof/0' }),
  'audit.checkpoint': () => ({ method: 'GET', path: '/v1/audit/checkpoint' }),
  'status.show': () => ({ method: 'GET', path: '/v1/status' }),
  'inventory.show': () => ({ method: 'GET', path: '/v1/inventory' }),
  'keys.rotate': () => ({ method: 'POST', path: '/v1/keys/rotate' }),
  'person.list': () => ({ method: 'GET', path: '/v1/people' }),
  'person.invite': () => ({ method: 'POST', path: '/v1/people/invitations', body: { by: scene.person } }),
  'grant.list': () => ({ method: 'GET', path: '/v1/grants' }),
  'grant.show': () => ({ method: 'GET', path: `/v1/grants/${scene.grant}` }),
  'grant.revoke': () => ({ method: 'POST', path: `/v1/grants/${scene.grant}/revoke` }),
  'authority.revoke': () => ({ method: 'POST', path: '/v1/revocations', body: { kind: 'grant', id: scene.grant } }),
  'policy.show': () => ({ method: 'GET', path: '/v1/policies' }),
  'policy.list': () => ({ method: 'GET', path: '/v1/policies/versions' }),
  'policy.version': () => ({ method: 'GET', path: '/v1/policies/versions/1' }),
  'policy.apply': () => ({ method: 'PUT', path: '/v1/policies', body: { files: [] } }),
  'client.register': () => ({ method: 'POST', path: '/register', body: { redirect_uris: [REDIRECT] } }),
  'server.list': () => ({ method: 'GET', path: '/v1/servers' }),
  'server.show': () => ({ method: 'GET', path: '/v1/servers/files' }),
  'server.arguments': () => ({ method: 'GET', path: '/v1/servers/files/arguments' }),
  'agent.update': () => ({
    method: 'PUT',
    path: `/v1/agents/${scene.helper.clientId}/groups`,
    body: { groups: ['staff'] },
  }),
  'server.add': () => ({ method: 'POST', path: '/v1/servers', body: { name: 'more', kind: 'stdio' } }),
  'server.remove': () => ({ method: 'DELETE', path: '/v1/servers/spare' }),
  'server.label': () => ({
    method: 'PUT',
    path: '/v1/servers/files/labels',
    body: { labels: { list: { effect: 'read' } } },
  }),
  'server.observe': () => ({ method: 'PUT', path: '/v1/servers/files/observe', body: { observe: true } }),
  'server.map': () => ({
    method: 'PUT',
    path: '/v1/servers/files/mappings',
    body: { mappings: { list: { evaluation: { action: { name: 'list' }, resource: { type: 'a', id: 'b' } } } } },
  }),
  'bearer.allow': () => ({ method: 'POST', path: '/v1/bearer', body: { client: 'someone', resource: FILES } }),
  'bearer.refuse': () => ({ method: 'POST', path: '/v1/bearer/remove', body: { client: 'someone', resource: FILES } }),
  'server.tools': () => ({ method: 'PUT', path: '/v1/servers/files/tools', body: { tools: [{ name: 'list' }] } }),
  'feed.poll': () => ({ method: 'POST', path: '/v1/feed', body: { from: 0, waitMs: 0 } }),
  'record.append': () => ({ method: 'POST', path: '/v1/records', body: { records: [{}] } }),
  'task.mark': () => ({ method: 'POST', path: '/v1/tasks/marks', body: { task: scene.grant } }),
  'registry.read': () => ({ method: 'GET', path: '/v1/state' }),
  'decision.evaluate': () => ({ method: 'POST', path: '/access/v1/evaluation', body: {} }),
  'decision.evaluations': () => ({ method: 'POST', path: '/access/v1/evaluations', body: {} }),
  'decision.search.subject': () => ({ method: 'POST', path: '/access/v1/search/subject', body: {} }),
  'decision.search.resource': () => ({ method: 'POST', path: '/access/v1/search/resource', body: {} }),
  'decision.search.action': () => ({ method: 'POST', path: '/access/v1/search/action', body: {} }),
}
const requestOf = (route: string): Request => {
  const make = requests[route]
  assert.ok(make, `no request for ${route}`)
  return make()
}

type Holder = keyof Scene['tokens']

const callAs = async (holder: Holder, { method, path, body }: Request): Promise<number> => {
  const { world, helper, node, tokens } = scene
  const agents = {
    wrongScope: helper,
    otherAudience: world.operator,
    ownersAgent: helper,
    node,
    adminOnly: world.operator,
    revokeOnly: world.operator,
  }
  return (await callApi(world.config.issuer, agents[holder], tokens[holder], method, path, body)).status
}

const callWithout = async ({ method, path, body }: Request, headers: Record<string, string> = {}): Promise<number> => {
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const json = { 'content-type': 'application/json', ...headers }
  return (await fetch(`${scene.world.config.issuer}${path}`, { method, headers: json, ...init })).status
}

const intentsOf = async (operation: string): Promise<number> => {
  const { body } = await scene.operator.call('GET', '/v1/audit/records?kind=intent&n=1000')
  const records = body.records as { record: { method: string } }[]
  return records.filter(({ record }) => record.method === operation).length
}
const allIntents = async (): Promise<number> => {
  const { body } = await scene.operator.call('GET', '/v1/audit/records?kind=intent&n=1000')
  return (body.records as unknown[]).length
}

/** Everybody is refused who is given here, without and with a token, and none of it opens an intent. */
const refuses = async (route: string, holders: readonly Holder[]): Promise<number> => {
  const request = requestOf(route)
  const before = await allIntents()
  assert.equal(await callWithout(request), 401, `${route}: no token`)
  const stolen = { authorization: `DPoP ${scene.operator.token}` }
  assert.equal(await callWithout(request, stolen), 401, `${route}: a token without its key`)
  assert.equal(await callAs('otherAudience', request), 401, `${route}: a token for a server`)
  let status = 0
  for (const holder of holders) {
    status = await callAs(holder, request)
    assert.equal(status, 403, `${route}: ${holder}`)
  }
  assert.equal(await allIntents(), before, `${route}: a refused call opened an intent`)
  return status
}

/** What a token with the scope `revoke` alone opens. */
const REDUCING = ['agent.suspend', 'agent.retire', 'agent.key.remove', 'grant.revoke', 'authority.revoke']
const ADMIN = [
  'agent.list',
  'agent.add',
  'agent.show',
  'agent.resume',
  'agent.key.add',
  'owner.list',
  'owner.add',
  'audit.tail',
  'audit.trace',
  'audit.proof',
  'audit.checkpoint',
  'status.show',
  'inventory.show',
  'keys.rotate',
  'person.list',
  'person.invite',
  'grant.list',
  'grant.show',
  'policy.show',
  'policy.list',
  'policy.version',
  'policy.apply',
  'client.register',
  'server.list',
  'server.show',
  'server.arguments',
  'agent.update',
  'server.add',
  'server.remove',
  'server.label',
  'server.map',
  'server.observe',
  'bearer.allow',
  'bearer.refuse',
]
const NODE = ['feed.poll', 'record.append', 'task.mark', 'registry.read', 'server.tools']

refusedCaller(ADMIN, (route) => refuses(route, ['wrongScope', 'ownersAgent', 'node', 'revokeOnly']))
refusedCaller(REDUCING, (route) => refuses(route, ['wrongScope', 'ownersAgent', 'node']))
refusedCaller(NODE, (route) => refuses(route, ['wrongScope', 'ownersAgent', 'adminOnly', 'revokeOnly']))
const DECIDE = [
  'decision.evaluate',
  'decision.evaluations',
  'decision.search.subject',
  'decision.search.resource',
  'decision.search.action',
]
refusedCaller(DECIDE, (route) => refuses(route, ['wrongScope', 'ownersAgent', 'adminOnly', 'revokeOnly']))

/** What policies and records call it: who may label may map. */
const actOf = (route: string): string => (route === 'server.map' ? 'server.label' : route)

/** Recorded before it is done: the order matters, since later ones need what earlier ones made. */
opensIntent(
  [
    'agent.add',
    'agent.key.add',
    'agent.key.remove',
    'owner.add',
    'person.invite',
    'client.register',
    'agent.update',
    'server.add',
    'server.label',
    'server.map',
    'server.observe',
    'bearer.allow',
    'bearer.refuse',
    'server.remove',
    'grant.revoke',
    'authority.revoke',
    'agent.suspend',
    'agent.resume',
    'agent.retire',
    'policy.apply',
    'keys.rotate',
  ],
  async (route) => {
    const { method, path, body } = requestOf(route)
    const before = await intentsOf(actOf(route))
    const holder = REDUCING.includes(route) ? scene.tokens.revokeOnly : scene.operator.token
    const { world } = scene
    const { status, body: said } = await callApi(world.config.issuer, world.operator, holder, method, path, body)
    assert.ok(status >= 200 && status < 300, `${route} answered ${status}: ${JSON.stringify(said)}`)
    return (await intentsOf(actOf(route))) - before
  },
)

opensIntent(['server.tools', 'task.mark'], async (route) => {
  const before = await intentsOf(route)
  const { status, body } = await getToken(scene.world.config.issuer, scene.node, {
    form: { resource: `${scene.world.config.issuer}/v1`, scope: 'node' },
  })
  assert.equal(status, 200)
  const { method, path, body: tools } = requestOf(route)
  const told = await callApi(scene.world.config.issuer, scene.node, String(body.access_token), method, path, tools)
  assert.equal(told.status, route === 'server.tools' ? 204 : 200, JSON.stringify(told.body))
  return (await intentsOf(route)) - before
})

test('no route behind a token is missing here', () => {
  const guarded = scene.world.authority.routes.filter(({ access }) => ['admin', 'node', 'decide'].includes(access))
  assert.deepEqual(guarded.map(({ name }) => name).sort(), Object.keys(requests).sort())
})
