/** What policies demand beside their yes or no. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '@credence/kit/json'
import { OBLIGATION_TYPES } from '@credence/protocol/authzen/obligations-draft-1'
import fc from 'fast-check'
import { checkPolicies, compilePolicySet, createDecider, evaluateAuthZen, type PolicySource } from '../index.ts'
import { AGENT, ALICE, caller, clock, FILES, ISSUER, operation, random, registry } from '../testing/facts.ts'
import { obligationsText, parseObligations, type WrittenObligation, WrongObligation } from './obligation-text.ts'

const source = (text: string): PolicySource => ({ files: [{ name: 'p.cedar', text }] })
const YES = 'permit (principal, action == Action::"tools/call", resource)'
const NOTIFY = "notification to=ops@bank.example body='A payment''s made'"

const decide = async (text: string, facts: Parameters<typeof operation>[0] = {}, by = caller()) => {
  const snapshot = await compilePolicySet(source(text))
  return createDecider({ snapshot, registry, random, clock, issuer: ISSUER }).decide(operation(facts), by)
}

test('obligations are read as they are written', () => {
  assert.deepEqual(
    parseObligations(`${NOTIFY}; step-up acr_value=urn:x:3 amr_values=mfa,hwk ;session_termination subject=a`),
    [
      { type: 'notification', properties: { to: 'ops@bank.example', body: "A payment's made" } },
      { type: 'step-up', properties: { acr_value: 'urn:x:3', amr_values: ['mfa', 'hwk'] } },
      { type: 'session_termination', properties: { subject: 'a' } },
    ],
  )
  assert.deepEqual(parseObligations("custom x='' y=a=b"), [{ type: 'custom', properties: { x: '', y: 'a=b' } }])
})

test('what is not exactly that is refused', () => {
  for (const text of [
    '',
    ';',
    'notify to=a body=b',
    'notification',
    'notification to=a',
    'notification to=a body=',
    'notification to=a body=b;',
    'notification to=a to=b body=c',
    'notification to=a body=b step-up',
    'notification to=a body=b step-up acr_value=c',
    "notification to=a body='b",
    "notification to=a body='b'c",
    'step-up amr_values=mfa',
    'step-up acr_value=a amr_values=',
    'to=a notification body=b',
    'notification to = a body=b',
    '{"type":"notification"}',
    'custom __proto__',
    Array.from({ length: 9 }, () => 'custom a=b').join(';'),
    `custom a=${'x'.repeat(5000)}`,
  ])
    assert.throws(() => parseObligations(text), WrongObligation, text)
})

const written: fc.Arbitrary<WrittenObligation> = fc.oneof(
  fc.record({
    type: fc.constant('custom' as const),
    properties: fc.dictionary(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,8}$/), fc.string(), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  }),
  fc.record({
    type: fc.constant('notification' as const),
    properties: fc.record({ to: fc.string({ minLength: 1 }), body: fc.string({ minLength: 1 }) }),
  }),
)

test('what is written is read again, whatever the values hold; any text is read or refused', () => {
  fc.assert(
    fc.property(fc.array(written, { minLength: 1, maxLength: 4 }), (all) => {
      const lists = all.some(({ properties }) => Object.hasOwn(properties, 'amr_values'))
      const plain = all.map(({ type, properties }) => ({ type, properties: { ...properties } }))
      if (!lists) assert.deepEqual(parseObligations(obligationsText(all)), plain)
    }),
  )
  const words = fc.constantFrom(...OBLIGATION_TYPES, ' ', ';', '=', "'", 'to', 'body', 'x', '\n', '__proto__=1')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          for (const { type } of parseObligations(text)) assert.ok(OBLIGATION_TYPES.includes(type))
        } catch (error) {
          assert.ok(error instanceof WrongObligation)
        }
      },
    ),
  )
})

test('reading takes time that grows with the text alone', () => {
  for (const text of ["'".repeat(4096), 'a '.repeat(2048), `custom a='${"''".repeat(2000)}`, ' '.repeat(4096)]) {
    const begun = process.cpuUsage()
    assert.throws(() => parseObligations(text), WrongObligation)
    const { user } = process.cpuUsage(begun)
    assert.ok(user < 500_000, `${text.slice(0, 10)}: ${user}`)
  }
})

test('what is not known is refused where it stands', async () => {
  const problems = async (text: string) =>
    (await checkPolicies(source(text))).problems.map(({ line, column, severity, code }) => [
      line,
      column,
      severity,
      code,
    ])
  const error = (line: number, column: number) => [[line, column, 'error', 'annotation']]
  assert.deepEqual(await problems(`@id("a") @ask("person") ${YES};`), [])
  assert.deepEqual(await problems(`@id("a")\n  @ask("somebody")\n${YES};`), error(2, 3))
  assert.deepEqual(await problems(`@ask ${YES};`), error(1, 1))
  assert.deepEqual(
    await problems(`@id("ü") @note("ü")\n @ask("") ${YES};`.replace('@id("ü")', '@id("u")')),
    error(2, 2),
  )
  assert.deepEqual(
    await problems(`@id("a") @ask("person") forbid (principal, action, resource is Tool);`),
    error(1, 10),
  )
  assert.deepEqual(await problems(`@id("a") @obligation("shred it") ${YES};`), error(1, 10))
  assert.deepEqual(await problems(`@id("a") @obligation("${NOTIFY}") ${YES};`), [])
  assert.deepEqual(await problems(`@id("a") @aks("person") ${YES};`), [[1, 10, 'warning', 'annotation']])
  assert.deepEqual(await problems(`@id("a") @description("x") @note("y") ${YES};`), [])
  const template = '@ask("nobody") permit (principal == ?principal, action, resource);'
  assert.deepEqual((await problems(template))[0], [1, 1, 'error', 'annotation'])
  await assert.rejects(compilePolicySet(source(`@ask("somebody") ${YES};`)), { code: 'policy_invalid' })
})

test('a permit that asks makes a decision pending, also beside one that does not', async () => {
  const asks = `@id("asks") @ask("person") ${YES} when { resource.name == "read_file" };`
  const pending = await decide(asks)
  assert.deepEqual([pending.effect, pending.policies], ['pending', ['asks']])
  assert.match(pending.reason, /A person must approve tools\/call of "read_file" first: policy `asks` asks for it\./)
  assert.equal((await decide(`${asks} @id("plain") ${YES};`)).effect, 'pending')
  assert.equal((await decide(`${asks} @id("plain") ${YES};`, { name: 'weather' })).effect, 'granted')
  const forbidden = await decide(`${asks} @id("no") forbid (principal, action, resource);`)
  assert.deepEqual([forbidden.effect, forbidden.policies], ['refused', ['no']])
  assert.equal((await decide(asks, { name: 'other' })).effect, 'refused', 'the grant is asked first')
})

test('demands of all policies that determine a decision are carried, and of no others', async () => {
  const both = `@id("a") @obligation("${NOTIFY}; custom watermark=yes") ${YES};
    @id("b") @obligation("step-up acr_value=urn:x") ${YES};
    @id("c") @obligation("custom never=1") ${YES} when { resource.name == "weather" };`
  const { effect, obligations } = await decide(both)
  assert.equal(effect, 'granted')
  assert.deepEqual(
    obligations.map(({ id, type }) => [id, type]),
    [
      ['a', 'notification'],
      ['a 2', 'custom'],
      ['b', 'step-up'],
    ],
  )
  const alike = `@id("x") @obligation("custom a=b; custom c=d") ${YES}; @id("x/2") @obligation("custom e=f") ${YES};`
  const ids = (await decide(alike)).obligations.map(({ id }) => id)
  assert.equal(new Set(ids).size, 3, ids.join())
  assert.deepEqual(obligations[0]?.properties, { to: 'ops@bank.example', body: "A payment's made" })
  const no = await decide(`${both} @id("no") @obligation("${NOTIFY}") forbid (principal, action, resource);`)
  assert.deepEqual([no.effect, no.obligations.map(({ id }) => id)], ['refused', ['no']])
  assert.deepEqual((await decide(both, { name: 'nothing' })).obligations, [])
})

test('no permit of a folder makes an act on the authority pending, and none of its demands count there', async () => {
  const text = `@id("mine") @ask("person") @obligation("${NOTIFY}") permit (principal, action, resource);`
  const act = { resource: 'authority', method: 'agent.add', name: 'a', subject: ALICE }
  const { tokenId: _none, ...person } = caller({
    actors: [],
    clientId: ISSUER,
    proof: 'none',
    authorizationDetails: [],
  })
  const { effect, policies, obligations } = await decide(text, act, person)
  assert.deepEqual([effect, policies, obligations], ['granted', ['system.owners-administer'], []])
})

test('a linked template carries its demands under the id of the link', async () => {
  const template =
    '@id("t") @obligation("custom a=b") permit (principal == ?principal, action == Action::"tools/call", resource);'
  const links = JSON.stringify([{ id: 'link-1', template: 't', principal: { type: 'Agent', id: AGENT } }])
  const snapshot = await compilePolicySet({ ...source(template), links: { name: 'links.json', text: links } })
  const decider = createDecider({ snapshot, registry, random, clock, issuer: ISSUER })
  const { obligations } = await decider.decide(operation(), caller())
  assert.deepEqual(obligations, [{ id: 'link-1', type: 'custom', properties: { a: 'b' } }])
})

test('over AuthZEN: obligations as the profile says, a declared gap denies, what is pending is no permit', async () => {
  const ask = async (text: string, context: JsonObject = {}) => {
    const snapshot = await compilePolicySet(source(text))
    const verified = () => ({ subject: ALICE, granted: true, proof: 'dpop' as const })
    const request = {
      subject: { type: 'agent', id: AGENT },
      action: { name: 'tools/call' },
      resource: { type: 'tool', id: JSON.stringify([FILES, 'read_file']) },
      context,
    }
    return evaluateAuthZen(request, { snapshot, registry, clock, issuer: ISSUER, verified })
  }
  const both = `@id("a") @obligation("${NOTIFY}") ${YES}; @id("b") @obligation("step-up acr_value=urn:x") ${YES};`
  const plain = await ask(both)
  assert.equal(plain.decision, true)
  assert.deepEqual(plain.context.obligations, [
    { id: 'a', type: 'notification', properties: { to: 'ops@bank.example', body: "A payment's made" } },
    { id: 'b', type: 'step-up', properties: { acr_value: 'urn:x' } },
  ])
  assert.equal((await ask(both, { supported_obligations: ['step-up', 'notification'] })).decision, true)
  const gap = await ask(both, { supported_obligations: ['notification', 'made-up'] })
  assert.equal(gap.decision, false)
  assert.match(gap.context.reason, /step-up/)
  assert.deepEqual(
    gap.context.obligations?.map(({ id }) => id),
    ['a'],
  )
  assert.equal((await ask(both, { supported_obligations: [] })).decision, false)
  const pending = await ask(`@id("a") @ask("person") @obligation("${NOTIFY}") ${YES};`)
  assert.deepEqual([pending.decision, pending.context.pending, pending.context.obligations], [false, true, undefined])
  const none = await ask(`@id("a") ${YES};`)
  assert.deepEqual(Object.keys(none.context).sort(), ['policies', 'reason', 'version'])
})
