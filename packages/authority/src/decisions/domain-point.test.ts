/** The domain's own decision point: batches of one version, and searches over its registry. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { nodeClock } from '@credence/kit/node'
import type { CallerFacts } from '@credence/model'
import { compilePolicySet } from '@credence/policy'
import { addAgent, addFiles, FILES, type SeededCode, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, openWorld, type TestAgent, type World } from '../testing/world.ts'
import { domainPoint } from './domain-point.ts'

describe('the decision point of the domain', () => {
  let world: World
  let agent: TestAgent
  let other: TestAgent
  let code: SeededCode
  let token: string

  before(async () => {
    world = await openWorld()
    await addFiles(world)
    agent = await addAgent(world)
    other = await addAgent(world)
    code = await seedCode(world, agent.clientId)
    const operator = await asOperator(world)
    const labels = { read_file: { effect: 'read' }, write_file: { effect: 'write' }, delete_all: { effect: 'delete' } }
    assert.ok((await operator.call('PUT', '/v1/servers/files/labels', { labels })).status < 300)
    const form = { resource: `${world.config.issuer}/v1`, scope: 'decide' }
    token = String((await getToken(world.config.issuer, world.operator, { form })).body.access_token)
  })
  after(() => world.close())

  const post = async (path: string, body: unknown) => {
    const answer = await callApi(world.config.issuer, world.operator, token, 'POST', `/access/v1/${path}`, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const tool = (name: string) => ({ type: 'tool', id: JSON.stringify([FILES, name]) })
  const me = () => ({ type: 'agent', id: agent.clientId })
  const call = { name: 'tools/call' }
  const proven = { proof: 'dpop' }
  const idsOf = async (kind: string, body: object): Promise<string[]> => {
    const { results } = (await post(`search/${kind}`, body)) as { results: { id?: string; name?: string }[] }
    return results.map(({ id, name }) => id ?? name ?? '')
  }

  it('answers a batch by one version, each item for itself', async () => {
    const context = { ...proven, grant: code.grantId }
    const { evaluations } = (await post('evaluations', {
      subject: me(),
      action: call,
      context,
      evaluations: [
        { resource: tool('read_file') },
        { resource: tool('delete_all') },
        { resource: tool('write_file'), context: proven },
        { resource: tool('write_file') },
        { subject: { type: 'agent', id: other.clientId }, resource: tool('read_file') },
      ],
    })) as { evaluations: { decision: boolean; context: { version: string } }[] }
    assert.deepEqual(
      evaluations.map(({ decision }) => decision),
      [true, false, false, true, false],
    )
    assert.equal(new Set(evaluations.map(({ context }) => context.version)).size, 1)
  })

  it('finds the agents whose grants allow it, the tools that an agent may call, and what it may do', async () => {
    const who = { subject: { type: 'agent' }, action: call, resource: tool('read_file'), context: proven }
    assert.deepEqual(await idsOf('subject', who), [agent.clientId])
    assert.deepEqual(await idsOf('subject', { ...who, resource: tool('delete_all') }), [])
    assert.deepEqual(await idsOf('subject', { ...who, context: {} }), [], 'no proof of a key')
    const what = { subject: me(), action: call, resource: { type: 'tool' }, context: proven }
    const both = [tool('read_file').id, tool('write_file').id]
    assert.deepEqual(await idsOf('resource', what), both)
    assert.deepEqual(await idsOf('resource', { ...what, context: { ...proven, grant: code.grantId } }), both)
    assert.deepEqual(
      await idsOf('resource', { ...what, context: { ...proven, grant: 'grt_AAAAAAAAAAAAAAAAAAAAAA' } }),
      [],
    )
    assert.deepEqual(await idsOf('resource', { ...what, subject: { type: 'agent', id: other.clientId } }), [])
    const doing = { subject: me(), resource: tool('read_file'), context: proven }
    assert.deepEqual(await idsOf('action', doing), ['tools/call'])
    assert.deepEqual(await idsOf('action', { ...doing, resource: tool('delete_all') }), [])
  })

  it('a search says what the evaluation says, once the grant is named', async () => {
    for (const name of ['read_file', 'write_file', 'delete_all', 'nothing']) {
      const context = { ...proven, grant: code.grantId }
      const { decision } = await post('evaluation', { subject: me(), action: call, resource: tool(name), context })
      const found = await idsOf('resource', { subject: me(), action: call, resource: { type: 'tool' }, context })
      assert.equal(found.includes(tool(name).id), decision, name)
    }
  })

  it('finds the people who administer, and what they may do', async () => {
    const { db, domain, view } = world.authority.embedded
    for (const [id, role] of [
      ['usr_owner', 'owner'],
      ['usr_member', 'member'],
    ]) {
      const columns = 'domain, person_id, name, role, status, created_at'
      const parameters = [domain.id, String(id), 'Ada', String(role), 'active', Date.now()]
      await db.atomically([{ sql: `insert into people (${columns}) values (?, ?, ?, ?, ?, ?)`, parameters }])
    }
    await view.reload()
    const authority = { type: 'authority', id: 'authority' }
    const who = { subject: { type: 'person' }, action: { name: 'agent.add' }, resource: authority }
    assert.deepEqual(await idsOf('subject', who), ['usr_owner'])
    const owner = { type: 'person', id: 'usr_owner' }
    const done = await idsOf('action', { subject: owner, resource: authority })
    assert.ok(
      done.includes('agent.add') && done.includes('grant.revoke') && !done.includes('token.issue'),
      String(done),
    )
    const where = { subject: owner, action: { name: 'agent.add' }, resource: { type: 'authority' } }
    assert.deepEqual(await idsOf('resource', where), ['authority'])
  })

  it('what is not ours, or unknown, finds nothing', async () => {
    const stranger = { type: 'agent', id: 'agt_AAAAAAAAAAAAAAAAAAAAAA' }
    assert.deepEqual(await idsOf('resource', { subject: stranger, action: call, resource: { type: 'tool' } }), [])
    assert.deepEqual(
      await idsOf('subject', { subject: { type: 'spaceship' }, action: call, resource: tool('read_file') }),
      [],
    )
    assert.deepEqual(await idsOf('resource', { subject: me(), action: call, resource: { type: 'authority' } }), [])
    assert.deepEqual(await idsOf('action', { subject: me(), resource: { type: 'authority', id: 'authority' } }), [])
    assert.deepEqual(await idsOf('action', { subject: me(), resource: { type: 'record', id: '1' } }), [])
  })

  it('what a policy demands of a result is told with it, and of no other', async () => {
    const operator = await asOperator(world)
    const { source } = (await operator.call('GET', '/v1/policies')).body as { source: { files: object[] } }
    const text = `@id("tells") @obligation("notification to=a body=b") permit (principal, action == Action::"tools/call", resource)
      when { resource has effect && resource.effect == "write" };`
    const put = async (files: readonly object[]) =>
      assert.ok((await operator.call('PUT', '/v1/policies', { files })).status < 300)
    await put([...source.files, { name: 'zz.cedar', text }])
    const what = { subject: me(), action: call, resource: { type: 'tool' }, context: proven }
    const obligations = [{ id: 'tells', type: 'notification', properties: { to: 'a', body: 'b' } }]
    const { results } = await post('search/resource', what)
    assert.deepEqual(results, [tool('read_file'), { ...tool('write_file'), context: { obligations } }])
    const declared = { ...proven, supported_obligations: ['step-up'] }
    assert.deepEqual(await idsOf('resource', { ...what, context: declared }), [tool('read_file').id])
    await put(source.files)
  })

  it('a tool with a mapping is decided on with its arguments, and without them not at all', async () => {
    const operator = await asOperator(world)
    const { source } = (await operator.call('GET', '/v1/policies')).body as { source: { files: object[] } }
    const text =
      'entity identity;\nentity folder;\naction "list" appliesTo { principal: [identity], resource: [folder], context: {} };\n'
    const folders = `@id("folders") permit (principal is identity, action == Action::"list", resource == folder::"/public");`
    const telling = `@id("log") @obligation("notification to=a body=b") permit (principal is identity, action == Action::"list", resource == folder::"/logged");`
    const put = async (body: object) => {
      const answer = await operator.call('PUT', '/v1/policies', body)
      assert.ok(answer.status < 300, JSON.stringify(answer.body))
    }
    const schema = { name: 'schema.cedarschema', text }
    await put({ files: [...source.files, { name: 'zz.cedar', text: `${folders}\n${telling}` }], schema })
    const mapping = {
      evaluation: {
        subject: { type: 'identity', id: '$token.sub' },
        action: { name: 'list' },
        resource: { type: 'folder', id: '$params.arguments.path' },
      },
    }
    const map = (one: object | null) =>
      operator.call('PUT', '/v1/servers/files/mappings', { mappings: { read_file: one } })
    const context = { ...proven, grant: code.grantId }
    const about = async (args: unknown, more: object = {}) => {
      const { id } = tool('read_file')
      const resource = { type: 'tool', id, properties: { arguments: args } }
      const answer = await post('evaluation', {
        subject: me(),
        action: call,
        resource,
        context: { ...context, ...more },
      })
      return answer as { decision: boolean; context: { reason: string; policies: string[]; obligations?: object[] } }
    }
    assert.equal((await about({ path: '/secret' })).decision, true, 'as it was without a mapping')
    assert.equal((await map(mapping)).status, 200)
    const yes = await about({ path: '/public' })
    assert.equal(yes.decision, true, yes.context.reason)
    assert.ok(yes.context.policies.includes('mapping/folders'))
    for (const args of [{ path: '/secret' }, { path: ['/public'] }, {}, { folder: '/public' }])
      assert.equal((await about(args)).decision, false, JSON.stringify(args))
    for (const args of [undefined, null, 'path', ['/public']])
      assert.match((await about(args)).context.reason, /resource\.properties\.arguments/)
    const named = { type: 'tool', id: 'read_file', properties: { server: FILES, arguments: { path: '/secret' } } }
    const other = { subject: me(), action: call, context, resource: named }
    assert.equal((await post('evaluation', other)).decision, false, 'named in the other way')
    assert.equal((await about({ path: '/public' }, { grant: undefined })).decision, false, 'no grant')
    const logged = await about({ path: '/logged' })
    assert.deepEqual([logged.decision, logged.context.obligations?.length], [true, 1])
    assert.equal((await about({ path: '/logged' }, { supported_obligations: [] })).decision, false)
    const search = { subject: me(), action: call, resource: { type: 'tool' }, context }
    assert.deepEqual(await idsOf('resource', search), [tool('write_file').id], 'a search says no arguments')
    const { evaluations } = (await post('evaluations', {
      subject: me(),
      action: call,
      context,
      evaluations: ['/public', '/secret'].map((path) => ({
        resource: { ...tool('read_file'), properties: { arguments: { path } } },
      })),
    })) as { evaluations: { decision: boolean }[] }
    assert.deepEqual(
      evaluations.map(({ decision }) => decision),
      [true, false],
    )
    assert.equal((await map(null)).status, 200)
    assert.equal((await about({ path: '/secret' })).decision, true)
    await put({ files: source.files })
  })

  it('pages go on where they ended, and a revoked grant is found no more', async () => {
    const what = { subject: me(), action: call, resource: { type: 'tool' }, context: proven }
    const first = (await post('search/resource', { ...what, page: { limit: 1 } })) as {
      results: object[]
      page: { next_token: string }
    }
    assert.deepEqual(first.results, [tool('read_file')])
    const page = { token: first.page.next_token }
    assert.deepEqual(await idsOf('resource', { ...what, page }), [tool('write_file').id])
    const operator = await asOperator(world)
    assert.ok((await operator.call('POST', `/v1/grants/${code.grantId}/revoke`)).status < 300)
    assert.deepEqual(await idsOf('resource', { ...what, page }), [])
    assert.deepEqual(
      await idsOf('subject', { subject: { type: 'agent' }, action: call, resource: tool('read_file') }),
      [],
    )
  })
})

it('knows of every grant and agent whether its task was marked, and of nobody else', async () => {
  const snapshot = await compilePolicySet({
    files: [
      {
        name: 'a.cedar',
        text: 'permit (principal, action, resource); forbid (principal, action, resource) when { context.untrusted };',
      },
    ],
  })
  const world = await openWorld()
  try {
    await addFiles(world)
    const agent = await addAgent(world)
    const [one, two] = [await seedCode(world, agent.clientId), await seedCode(world, agent.clientId)]
    const { db, domain, view, tasks } = world.authority.embedded
    const core = { db, domain, clock: nodeClock } as never
    const registry = () => ({ v: 1, number: 0, servers: [], bearer: [] }) as const
    const rest = { registry, directory: { all: () => [].values() }, people: { list: async () => [] } }
    const parts = { issuer: world.config.issuer, decider: { snapshot }, view, core, ...rest }
    const about = (grant: string) => ({
      subject: { type: 'agent', id: agent.clientId },
      action: { name: 'tools/call' },
      resource: { type: 'tool', id: JSON.stringify([FILES, 'read_file']) },
      context: { grant, proof: 'dpop', untrusted: false },
    })
    const ask = async (grant: string, marks = true) =>
      (
        await domainPoint({ ...parts, ...(marks ? { tasks } : {}) })
          .pin()
          .evaluate(about(grant))
      ).decision
    assert.deepEqual([await ask(one.grantId), await ask(two.grantId)], [true, true])
    await tasks.mark({ grant: one.grantId, clientId: agent.clientId } as CallerFacts)
    assert.deepEqual([await ask(one.grantId), await ask(two.grantId)], [false, true])
    assert.equal(await ask(two.grantId, false), false, 'where nobody keeps marks, nobody knows')
    await tasks.mark({ clientId: agent.clientId } as CallerFacts)
    assert.equal(await ask(two.grantId), false, 'what the agent read as itself it brings along')
  } finally {
    await world.close()
  }
})

it('a request keeps the version that it began with, whatever becomes active meanwhile', async () => {
  const snapshotOf = (text: string) =>
    compilePolicySet({
      files: [{ name: 'a.cedar', text }],
      schema: {
        name: 's',
        text: 'entity user; entity thing; action "use" appliesTo { principal: [user], resource: [thing], context: {} };',
      },
    })
  const open = await snapshotOf('permit (principal is user, action == Action::"use", resource is thing);')
  const decider = { snapshot: open }
  const nobody = { agent: () => undefined, server: () => undefined, tool: () => undefined }
  const registry = () => ({ v: 1, number: 0, servers: [], bearer: [] }) as const
  const parts = {
    issuer: 'https://x.example',
    decider,
    view: nobody,
    registry,
    directory: { all: () => [].values() },
    people: { list: async () => [] },
  }
  const point = domainPoint({ ...parts, core: { clock: nodeClock } as never })
  const pinned = point.pin()
  decider.snapshot = await snapshotOf('forbid (principal, action, resource);')
  const request = { subject: { type: 'user', id: 'a' }, action: { name: 'use' }, resource: { type: 'thing', id: '1' } }
  assert.equal((await pinned.evaluate(request)).decision, true)
  assert.equal((await point.pin().evaluate(request)).decision, false)
})
