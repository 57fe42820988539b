import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallerFacts, Decision, Operation } from '@credence/model'
import { compilePolicySet, createDecider, type PolicySource, quickstartPolicies } from './index.ts'
import {
  AGENT,
  ALICE,
  alone,
  atThePages,
  BOB,
  caller,
  clock,
  ISSUER,
  NODE,
  OPERATOR,
  operation,
  random,
  registry,
  SUSPENDED,
} from './testing/facts.ts'

const source = (text: string, schema?: string): PolicySource => ({
  files: [{ name: 'test.cedar', text }],
  ...(schema === undefined ? {} : { schema: { name: 'schema.cedarschema', text: schema } }),
})
const quickstart = await compilePolicySet(quickstartPolicies())
const deciderOf = async (
  text: string,
  schema?: string,
  owns?: (operation: Operation, caller: CallerFacts) => boolean,
) =>
  createDecider({
    snapshot: await compilePolicySet(source(text, schema)),
    registry,
    random,
    clock,
    issuer: ISSUER,
    ...(owns ? { owns } : {}),
  })
const decider = createDecider({ snapshot: quickstart, registry, random, clock, issuer: ISSUER })
const decided = async (operation: Operation, who: CallerFacts, by = decider): Promise<Decision> =>
  by.decide(operation, who)
const admin = (method: string, who: CallerFacts, name = ''): Operation =>
  operation({ resource: `${ISSUER}/v1`, method, name, subject: who.subject })

const APP = 'https://app.test'
const direct = ({ tokenId: _none, ...rest }: CallerFacts): CallerFacts => rest

/** Uses what only partial evaluation knows, which the compiler does not take; it holds of nobody. */
const WASM = '@id("left") permit (principal, action, resource) when { false && unknown("x") };'

test('a granted tool with a proven key is allowed, with policy and version', async () => {
  const decision = await decided(operation(), caller())
  assert.equal(decision.effect, 'granted')
  assert.deepEqual(decision.policies, ['granted-tools'])
  assert.equal(decision.policyVersion, quickstart.version)
  assert.equal(decision.reason, 'Policy `granted-tools` permits tools/call of "read_file".')
  assert.match(decision.id, /^dec_[\w-]{22}$/)
  assert.notEqual((await decided(operation(), caller())).id, decision.id)
})

test('what the grant does not cover is refused before any policy, and the reason names what it allows', async () => {
  const open = await deciderOf('permit (principal, action, resource);')
  for (const by of [decider, open]) {
    const decision = await decided(operation({ name: 'delete_file' }), caller(), by)
    assert.equal(decision.effect, 'refused')
    assert.deepEqual(decision.policies, ['grant'])
    assert.equal(
      decision.reason,
      'The grant does not allow tools/call of "delete_file"; here it allows read_file, weather.',
    )
  }
  const elsewhere = await decided(operation({ resource: 'https://gateway.test/mcp/other' }), caller(), open)
  assert.match(elsewhere.reason, /does not cover this server/)
  assert.equal((await decided(operation(), caller({ authorizationDetails: [] }), open)).effect, 'refused')
})

test('an agent that acts for itself without details is for the policies alone to judge, and the quickstart says no', async () => {
  const self = alone(AGENT, [])
  const bare = { ...self, authorizationDetails: [] }
  const read = operation({ method: 'resources/read', name: 'file:///a', subject: self.subject })
  assert.equal((await decided(read, bare)).effect, 'refused')
  const named = await deciderOf(
    'permit (principal, action == Action::"resources/read", resource) when { context.self };',
  )
  assert.equal((await decided(read, bare, named)).effect, 'granted')
  const bound = { ...self, authorizationDetails: caller().authorizationDetails }
  assert.deepEqual((await decided(read, bound, named)).policies, ['grant'], 'who binds itself to tools is bound')
  const own = operation({ subject: self.subject })
  assert.equal((await decided(own, bound)).effect, 'refused', 'naming a tool in its own request grants it nothing')
  const calls = await deciderOf('permit (principal, action == Action::"tools/call", resource) when { context.self };')
  assert.equal((await decided(own, bound, calls)).effect, 'granted')
  const granted = await deciderOf('permit (principal, action, resource) when { context.granted };')
  for (const [asked, who] of [
    [read, bare],
    [own, bound],
  ] as const)
    assert.equal((await decided(asked, who, granted)).effect, 'refused', 'nothing was granted')
})

test('default deny: a grant alone is not enough', async () => {
  const decision = await decided(operation(), caller(), await deciderOf('// nothing'))
  assert.deepEqual([decision.effect, decision.policies], ['refused', []])
  assert.equal(decision.reason, 'No policy permits tools/call of "read_file".')
})

test('a bearer token is refused what is consequential and allowed public data', async () => {
  const bearer = caller({ proof: 'none' })
  const refused = await decided(operation(), bearer)
  assert.deepEqual([refused.effect, refused.policies], ['refused', ['bearer-consequential']])
  const labels = { effect: 'read', publicData: true } as const
  assert.equal((await decided(operation({ name: 'weather', labels }), bearer)).effect, 'granted')
})

test('forbid wins over every permit', async () => {
  const text = `@id("yes") permit (principal, action, resource); @id("no") forbid (principal, action, resource is Tool) when { resource.effect == "write" };`
  const decision = await decided(
    operation(),
    caller(),
    await deciderOf(text.replace('resource.effect', 'resource has effect && resource.effect')),
  )
  assert.deepEqual([decision.effect, decision.policies], ['refused', ['no']])
  assert.equal(decision.reason, 'Policy `no` forbids tools/call of "read_file".')
})

test('a policy that fails is skipped and reported, on both engines', async () => {
  const fails =
    '@id("fails") permit (principal, action, resource) when { context.depth + 9007199254740991 * 9007199254740991 > 0 };'
  for (const more of ['', WASM]) {
    const by = await deciderOf(`@id("works") permit (principal, action, resource); ${fails} ${more}`)
    assert.equal(by.snapshot.engine, more === '' ? 'compiled' : 'mixed')
    const decision = await decided(operation(), caller(), by)
    assert.deepEqual([decision.effect, decision.policies], ['granted', ['works']])
    assert.equal(decision.errors.length, 1)
    assert.match(decision.errors[0] ?? '', /^fails: .*overflow/)
  }
})

test('suspended, retired and unknown agents do nothing, whatever is permitted', async () => {
  const open = await deciderOf('permit (principal, action, resource);')
  for (const agent of [SUSPENDED, 'agt_unknownAAAAAAAAAAAAAAA' as typeof AGENT]) {
    const who = caller({ actors: [{ party: { iss: ISSUER, sub: 'spiffe://x' }, agent }] })
    assert.deepEqual((await decided(operation(), who, open)).policies, ['system.inactive-agents-do-nothing'])
    assert.equal(
      (await decided(admin('agent.add', alone(agent, ['admin'])), alone(agent, ['admin']), open)).effect,
      'refused',
    )
  }
})

test('a permit of a user cannot open the administration, on either engine; a forbid of a user closes more', async () => {
  const everything =
    'permit (principal, action, resource); permit (principal, action in Action::"authority.administer", resource is Authority);'
  for (const more of ['', WASM]) {
    const by = await deciderOf(everything + more)
    for (const who of [
      caller(),
      alone(AGENT, ['admin']),
      atThePages(BOB),
      caller({ actors: [], clientId: 'https://app.test' }),
    ]) {
      for (const method of ['agent.add', 'policy.apply', 'grant.revoke', 'something.unknown', 'tools/call']) {
        for (const resource of ['authority', ISSUER, `${ISSUER}/v1`]) {
          const decision = await decided({ ...admin(method, who), resource }, who, by)
          assert.equal(decision.effect, 'refused', `${method} at ${resource}: ${decision.reason}`)
        }
      }
    }
    const closed = await deciderOf(
      `@id("freeze") forbid (principal, action == Action::"policy.apply", resource);${more}`,
    )
    const operator = alone(OPERATOR, ['admin'])
    assert.deepEqual((await decided(admin('policy.apply', operator), operator, closed)).policies, ['freeze'])
    assert.equal((await decided(admin('agent.add', operator), operator, closed)).effect, 'granted')
  }
})

test('a schema of a user cannot make an administrative act a harmless one', async () => {
  const schema =
    'action "keys.export" in ["authority.personal"] appliesTo { principal: [Person], resource: [Authority], context: AuthorityContext };'
  const by = await deciderOf('// nothing', schema)
  assert.equal((await decided(admin('keys.export', atThePages(BOB)), atThePages(BOB), by)).effect, 'refused')
})

test('who administers: operators with their own key and scope, and owners at the pages', async () => {
  const rows: [CallerFacts, string, boolean][] = [
    [alone(OPERATOR, ['admin']), 'agent.add', true],
    [alone(OPERATOR, ['admin']), 'agent.suspend', true],
    [alone(OPERATOR, []), 'agent.add', false],
    [alone(OPERATOR, ['revoke']), 'agent.suspend', true],
    [alone(OPERATOR, ['revoke']), 'authority.revoke', true],
    [alone(OPERATOR, ['revoke']), 'agent.resume', false],
    [alone(OPERATOR, ['revoke'], { proof: 'none' }), 'agent.suspend', false],
    [alone(AGENT, ['revoke']), 'agent.suspend', false],
    [caller({ actors: alone(OPERATOR, []).actors, scope: ['revoke'] }), 'agent.suspend', false],
    [alone(OPERATOR, ['admin'], { proof: 'none' }), 'agent.add', false],
    [caller({ actors: alone(OPERATOR, []).actors, scope: ['admin'] }), 'agent.add', false],
    [atThePages(ALICE), 'agent.add', true],
    [atThePages(BOB), 'agent.add', false],
    [atThePages(BOB), 'consent.give', true],
    // Software that a person uses is not that person.
    [caller({ actors: [], clientId: 'https://app.test', scope: ['admin'] }), 'agent.add', false],
    [{ ...atThePages(ALICE), clientId: 'https://app.test' }, 'agent.add', false],
    [alone(NODE, ['node']), 'record.append', true],
    [alone(NODE, ['node']), 'agent.add', false],
    [alone(AGENT, ['node']), 'record.append', false],
    [alone(AGENT, [], { proof: 'client_assertion' }), 'token.issue', true],
    [alone(SUSPENDED, [], { proof: 'client_assertion' }), 'token.issue', false],
    [direct(alone(AGENT, [], { proof: 'client_assertion' })), 'token.revoke', true],
    [alone(AGENT, []), 'token.revoke', false],
    [direct(caller({ actors: [], clientId: APP, subject: { iss: ISSUER, sub: APP } })), 'token.issue', true],
    [direct(caller({ actors: [], clientId: APP, subject: { iss: ISSUER, sub: APP } })), 'token.revoke', true],
    [direct(caller({ actors: [], clientId: APP, subject: { iss: ISSUER, sub: APP } })), 'agent.add', false],
    [alone(AGENT, ['decide']), 'decision.evaluate', true],
    [alone(AGENT, []), 'decision.evaluate', false],
  ]
  for (const [who, method, allowed] of rows) {
    const decision = await decided(admin(method, who), who)
    assert.equal(decision.effect, allowed ? 'granted' : 'refused', `${method} by ${who.clientId}: ${decision.reason}`)
  }
})

test('people withdraw what is their own, by rows and not by what they say', async () => {
  const by = await deciderOf(
    '// nothing',
    undefined,
    (target, who) => target.name === 'grt_mine' && who.subject.sub === BOB.sub,
  )
  const bob = atThePages(BOB)
  assert.equal((await decided(admin('grant.revoke', bob, 'grt_mine'), bob, by)).effect, 'granted')
  assert.equal((await decided(admin('grant.revoke', bob, 'grt_other'), bob, by)).effect, 'refused')
})

test('evaluation that throws is a refusal, and the operator hears of it', async () => {
  const heard: unknown[] = []
  const broken = createDecider({
    snapshot: quickstart,
    registry: {
      ...registry,
      agent: () => {
        throw new Error('secret detail')
      },
    },
    random,
    clock,
    issuer: ISSUER,
    onError: (error) => heard.push(error),
  })
  const decision = await decided(operation(), caller(), broken)
  assert.deepEqual([decision.effect, decision.policies], ['refused', []])
  assert.doesNotMatch(JSON.stringify(decision), /secret/)
  assert.equal(heard.length, 1)
  assert.equal((await decided(operation({ subject: BOB }), caller())).effect, 'refused', 'operation of somebody else')
})

test('a decision ends with the version it began with', async () => {
  const [yes, no] = await Promise.all([
    compilePolicySet(source(`permit (principal, action, resource); ${WASM}`)),
    compilePolicySet(source(`forbid (principal, action, resource); ${WASM}`)),
  ])
  const by = createDecider({ snapshot: yes, registry, random, clock, issuer: ISSUER })
  const begun = by.decide(operation(), caller())
  by.activate(no)
  const [first, second] = await Promise.all([begun, by.decide(operation(), caller())])
  assert.deepEqual([first.effect, first.policyVersion], ['granted', yes.version])
  assert.deepEqual([second.effect, second.policyVersion], ['refused', no.version])
})

test('arguments: declared ones are typed, what does not fit is omitted and not guessed', async () => {
  const schema = 'type Arguments = { amount?: Long, to?: { name: String }, tags?: Set<String> };'
  const text = `@id("small") permit (principal, action == Action::"tools/call", resource) when { context has arguments && context.arguments has amount && context.arguments.amount <= 100 };
@id("omitted") forbid (principal, action == Action::"tools/call", resource) when { context.argumentsOmitted };`
  const by = await deciderOf(text, schema)
  const asked = (args: Operation['arguments']) => decided(operation({ arguments: args }), caller(), by)
  assert.deepEqual((await asked({ amount: 5, other: 0.5 })).policies, ['small'])
  assert.deepEqual((await asked({ amount: 500 })).policies, [])
  assert.deepEqual((await asked({})).policies, [])
  const hostile: Operation['arguments'][] = [
    { amount: '5' },
    { amount: 0.5 },
    { amount: 2 ** 53 },
    { amount: null },
    { amount: 1, to: {} },
    { amount: 1, to: { name: '\ud800' } },
    { amount: 1, tags: ['a', 1] },
    [],
    'text',
    JSON.parse('{"amount":{"__entity":{"type":"Agent","id":"x"}}}'),
  ]
  for (const args of hostile) assert.deepEqual((await asked(args)).policies, ['omitted'], JSON.stringify(args))
})

test('hostile names decide nothing and stand harmless in the reason', async () => {
  for (const name of ['__proto__', 'constructor', '', '"', 'a\nb\u202e', 'x'.repeat(1_000_000), '\ud800']) {
    const decision = await decided(operation({ name, arguments: JSON.parse('{"__proto__":{"a":1},"":2}') }), caller())
    assert.equal(decision.effect, 'refused')
    assert.ok(decision.reason.length < 400 && !/[\n\u202e]/.test(decision.reason))
  }
})
