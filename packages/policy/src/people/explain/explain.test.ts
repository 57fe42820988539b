import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicySet } from '../../compile-set.ts'
import { createDecider } from '../../decider.ts'
import { quickstartPolicies } from '../../index.ts'
import type { PolicySource } from '../../source.ts'
import { type Facts, sceneOf } from '../facts.ts'
import { disagreement, type PolicyExplained } from './explain.ts'
import { type Explanation, explainScene, preparePolicies } from './index.ts'

const SCHEMA = 'type Arguments = { amount?: Long, to?: String, tags?: Set<String>, deep?: { flag?: Bool } };'
const setOf = (text: string): PolicySource => ({
  files: [{ name: 'test.cedar', text }],
  schema: { name: 'schema.cedarschema', text: SCHEMA },
})
const SERVER = 'https://s.example'
const FACTS: Facts = {
  agent: { id: 'agt_a', owner: 'own_team' },
  person: { id: 'usr_p' },
  grant: [{ server: SERVER, tools: ['pay'] }],
  server: { resource: SERVER, name: 'bank' },
  tool: { name: 'pay', effect: 'pay' },
  method: 'tools/call',
}
const explained = async (text: string, facts: Partial<Facts> = {}): Promise<Explanation> =>
  explainScene(await compilePolicySet(setOf(text)), sceneOf({ ...FACTS, ...facts }))
const of = ({ policies }: Explanation, id: string): PolicyExplained => {
  const found = policies.find((one) => one.id === id)
  assert.ok(found !== undefined, id)
  return found
}

test('the failing part is named with its line, its column and what was found', async () => {
  const text = `// first line
@id("small")
permit (principal, action == Action::"tools/call", resource is Tool)
when { context.granted && context has arguments &&
       (context.arguments has amount && context.arguments.amount < 100) };`
  const large = of(await explained(text, { arguments: { amount: 500 } }), 'small')
  assert.equal(large.standing, 'does not match')
  assert.deepEqual(large.missing, [
    {
      part: 'when',
      truth: 'no',
      file: 'test.cedar',
      line: 5,
      column: 41,
      text: 'context.arguments.amount < 100',
      found: [{ expression: 'context.arguments.amount', value: '500' }],
    },
  ])
  const none = await explained(text)
  assert.deepEqual(
    of(none, 'small').missing.map(({ text: part, found }) => [part, found]),
    [['context.arguments has amount', [{ expression: 'context.arguments', value: 'has nothing' }]]],
    'what a guard protects is not reported as missing beside the guard',
  )
  assert.deepEqual(none.near, ['small'])
})

test('where something is unknown the answer is what follows from the rest, or that it cannot be told', async () => {
  const limited = `@id("limit") forbid (principal, action, resource is Tool)
    when { context has arguments && context.arguments has amount && context.arguments.amount > 5 };
    @id("yes") permit (principal, action, resource is Tool) when { context.granted };`
  const unknowns = new Set(['arguments', 'argumentsOmitted'])
  const snapshot = await compilePolicySet(setOf(limited))
  const open = await explainScene(snapshot, sceneOf(FACTS), { unknowns })
  assert.deepEqual([open.answer, open.by], ['cannot be told', ['limit']])
  assert.deepEqual(of(open, 'limit').missing[0]?.found, [{ expression: 'context', value: 'was not recorded' }])
  const suspended = sceneOf({ ...FACTS, agent: { id: 'agt_a', status: 'suspended' } })
  const shut = await explainScene(snapshot, suspended, { unknowns })
  assert.deepEqual([shut.answer, shut.by], ['deny', ['system.inactive-agents-do-nothing']])
  const plain = await compilePolicySet(setOf('@id("yes") permit (principal, action, resource);'))
  assert.equal((await explainScene(plain, sceneOf(FACTS), { unknowns })).answer, 'allow')
})

test('a scope part that does not fit is named with who asked', async () => {
  const text = `@id("team") permit (principal in Owner::"own_other", action, resource == Tool::"[\\"${SERVER}\\",\\"pay\\"]");`
  const { missing } = of(await explained(text), 'team')
  assert.deepEqual(
    missing.map(({ part, text: shown, line, column, found }) => [part, shown, line, column, found[0]?.value]),
    [['principal', 'principal in Owner::"own_other"', 1, 21, 'Agent::"agt_a" in [Owner::"own_team"]']],
  )
})

test('an unless that applies, and one of two things that may not be', async () => {
  const text = `@id("u") permit (principal, action, resource is Tool) unless { resource.registered || context.self };`
  const { missing } = of(await explained(text), 'u')
  assert.deepEqual(
    missing.map(({ part, text: shown, column }) => [part, shown, column]),
    [['unless', 'resource.registered', 64]],
  )
})

test('a policy that fails says where, how and over what', async () => {
  const text = `@id("f") permit (principal, action, resource is Tool)
when { context has arguments && context.arguments has amount && context.arguments.amount * 9000000000000000 > 1 };`
  const { standing, failed } = of(await explained(text, { arguments: { amount: 9000 } }), 'f')
  assert.equal(standing, 'failed')
  assert.deepEqual([failed?.line, failed?.column, failed?.kind], [2, 65, 'overflow'])
  assert.deepEqual(failed?.found, [{ expression: 'context.arguments.amount', value: '9000' }])
})

test('the grant answers before any policy does', async () => {
  const { by, grant, policies } = await explained('permit (principal, action, resource);', {
    tool: { name: 'refund' },
  })
  assert.deepEqual([by, policies], [['grant'], []])
  assert.match(grant, /does not allow tools\/call of "refund"; here it allows pay/)
  assert.match((await explained('permit (principal, action, resource);')).grant, /allows it: pay at https/)
})

test('on the authority the permits of a folder are shown as left out', async () => {
  const open = await explained('@id("open") permit (principal, action, resource);', {
    grant: [],
    server: { resource: 'authority' },
    method: 'policy.apply',
  })
  assert.equal(of(open, 'open').standing, 'left out')
  assert.equal(open.answer, 'deny')
})

test('a policy that only cedar-wasm evaluates is said to be one', async () => {
  const text = '@id("w") permit (principal, action, resource) when { false && unknown("x") };'
  assert.equal(of(await explained(text), 'w').standing, 'engine')
})

test('templates stand where they are written, filled in by their link', async () => {
  const source: PolicySource = {
    ...setOf('// here\n@id("t") permit (principal == ?principal, action, resource is Tool);'),
    links: {
      name: 'links.json',
      text: '[{"id":"l","template":"t","principal":{"type":"Agent","id":"agt_b"}}]',
    },
  }
  const { missing } = of(await explainScene(await compilePolicySet(source), sceneOf(FACTS)), 'l')
  assert.deepEqual([missing[0]?.file, missing[0]?.line, missing[0]?.column], ['test.cedar', 2, 18])
})

test('a disagreement between explanation and decider is said', async () => {
  const { policies } = await explained('@id("a") permit (principal, action, resource);')
  const same = { allow: true, reasons: ['a'], errors: [] }
  assert.equal(disagreement(policies, same), undefined)
  assert.match(disagreement(policies, { ...same, reasons: ['b'] }) ?? '', /says that a decide .* decider says b/)
  const failed = { ...same, errors: [{ policy: 'x', kind: 'type' as const, message: '' }] }
  assert.match(disagreement(policies, failed) ?? '', /and x/)
})

/** Every way to join and to narrow, and tests that fail for some facts. */
const POLICIES = [
  '@id("all") EFFECT (principal, action, resource);',
  '@id("who") EFFECT (principal == Agent::"agt_a", action, resource);',
  '@id("team") EFFECT (principal in Owner::"own_team", action == Action::"tools/call", resource is Tool);',
  '@id("is") EFFECT (principal is Agent in Owner::"own_team", action in [Action::"mcp.list", Action::"mcp.read"], resource is Server);',
  `@id("in") EFFECT (principal, action, resource in Server::"${SERVER}") unless { context.self };`,
  '@id("and") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context.granted && context.proof != "none" && resource has effect && resource.effect == "pay" };',
  '@id("or") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context.depth > 1 || (context.consequential && !(resource.publicData || resource.name like "p*y")) };',
  '@id("if") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { if context.granted then resource.registered else if context.self then true else context.scopes.contains("x") };',
  '@id("arith") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has amount } when { context.arguments.amount * 9000000000000000 > -context.arguments.amount };',
  '@id("late") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has amount && (context.arguments.amount + 9223372036854775807 > 3 || context.self) } unless { context.argumentsOmitted };',
  '@id("set") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has tags && (context.arguments.tags.containsAny(["a", "b"]) && !context.arguments.tags.isEmpty()) };',
  '@id("deep") EFFECT (principal, action == Action::"tools/call", resource is Tool) unless { context has arguments.deep.flag && context.arguments.deep.flag };',
  '@id("own") EFFECT (principal is Agent, action, resource) when { principal has owner && principal.owner == Owner::"own_team" && principal.status == "active" };',
  '@id("text") EFFECT (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has to && (!!(context.arguments.to like "*@x") || decimal("922337203685477.5807").lessThan(decimal("1.0"))) };',
]

const some = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

const anyArguments = fc.record(
  {
    amount: some<unknown>(0, 1, -5, 2000, 9_007_199_254_740_991, 'x', 1.5),
    to: some<unknown>('bob@x', '127.0.0.1', 'nonsense', 7),
    tags: some<unknown>([], ['a'], ['c', 'a'], 'a'),
    deep: some<unknown>({}, { flag: true }, { flag: false }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<NonNullable<Facts['arguments']>>

const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    agent: maybe(
      fc.record({
        id: some('agt_a', 'agt_b'),
        status: some('active', 'suspended', 'unknown'),
        owner: some('own_team', 'own_other'),
      }),
    ),
    client: maybe(some('https://app.example')),
    person: maybe(fc.record({ id: some('usr_p'), role: some('owner', 'member', 'unknown') })),
    tools: some(['pay'], ['pay', 'look'], []),
    tool: fc.record({ name: some('pay', 'look'), effect: some('pay', 'read'), publicData: fc.boolean() }),
    call: some('tools/call', 'tools/call', 'tools/call', 'tools/list', 'resources/read'),
    arguments: anyArguments,
    proof: some('dpop', 'none'),
    scopes: some([], ['x']),
    via: some([], ['agt_z']),
  })
  .map(({ agent, client, person, tools, tool, call, ...rest }): Facts => {
    const who = agent ?? (client === undefined && person === undefined ? { id: 'agt_a' } : undefined)
    return {
      ...rest,
      ...(who === undefined ? {} : { agent: who }),
      ...(client === undefined ? {} : { client }),
      ...(person === undefined || tools.length === 0 ? {} : { person, grant: [{ server: SERVER, tools: [...tools] }] }),
      server: { resource: SERVER, name: 'bank' },
      method: call,
      ...(call === 'tools/call' ? { tool } : {}),
    } as Facts
  })

const satisfied = ({ policies }: Explanation): string[] =>
  policies.filter(({ standing, origin }) => standing === 'matches' && origin === 'user').map(({ id }) => id)

test('for random requests the policies that match are those that the decider finds', { timeout: 120_000 }, async () => {
  const reached = { matches: 0, failed: 0, 'does not match': 0 } as Record<string, number>
  for (const effect of ['permit', 'forbid']) {
    const snapshot = await compilePolicySet(setOf(POLICIES.join('\n').replaceAll('EFFECT', effect)))
    const prepared = await preparePolicies(snapshot)
    await fc.assert(
      fc.asyncProperty(anyFacts, async (facts) => {
        const scene = sceneOf(facts)
        const explanation = await explainScene(snapshot, scene, { prepared })
        assert.equal(explanation.disagreement, undefined)
        if (explanation.question === undefined) return
        const decider = createDecider({
          snapshot,
          registry: scene.registry,
          random: { bytes: (length) => new Uint8Array(length) },
          clock: { now: () => scene.now },
          issuer: scene.issuer,
        })
        const { policies, errors } = await decider.decide(scene.operation, scene.caller)
        const system = policies.filter((id) => id.startsWith('system.'))
        if (effect === 'forbid' || system.length === 0) {
          assert.deepEqual([...satisfied(explanation), ...system].sort(), [...policies])
        }
        const failed = explanation.policies.filter(({ standing }) => standing === 'failed')
        assert.deepEqual(failed.map(({ id, failed: why }) => `${id}: ${why?.message}`).sort(), [...errors].sort())
        for (const { standing } of explanation.policies) reached[standing] = (reached[standing] ?? 0) + 1
      }),
      { numRuns: 400 },
    )
  }
  for (const standing of ['matches', 'failed', 'does not match']) assert.ok((reached[standing] ?? 0) > 20, standing)
})

test('every ready-made policy can be explained', async () => {
  const snapshot = await compilePolicySet(quickstartPolicies())
  const { disagreement: differs, policies, answer } = await explainScene(snapshot, sceneOf(FACTS))
  assert.deepEqual([differs, answer], [undefined, 'allow'])
  assert.equal(policies.length, snapshot.policies.length)
})

test('the time is shown as Cedar writes it, and what is demanded and asked is said', async () => {
  const call = 'permit (principal, action == Action::"tools/call", resource)'
  const at = await explained(`@id("late") ${call} when { context.now > datetime("2030-01-01") };`, {
    now: Date.UTC(2026, 0, 7, 9, 30),
  })
  assert.deepEqual(of(at, 'late').missing[0]?.found, [
    { expression: 'context.now', value: 'datetime("2026-01-07T09:30:00.000Z")' },
  ])
  const demands = await explained(`@id("tells") @obligation("custom a=b") ${call};`)
  assert.deepEqual([demands.answer, demands.obligations.map(({ type }) => type)], ['allow', ['custom']])
  const asks = await explained(`@id("asks") @ask("person") ${call};`)
  assert.deepEqual([asks.answer, of(asks, 'asks').asks, asks.disagreement], ['ask', true, undefined])
})
