import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicySet } from '../../compile-set.ts'
import { askScene } from '../ask.ts'
import { type Facts, sceneOf } from '../facts.ts'
import { explainPolicy } from './explain.ts'
import { preparePolicies } from './index.ts'

const SERVER = 'https://s.example'
const NAMES = ['arguments', 'argumentsOmitted', 'scopes', 'proof'] as const

/** Tests that read what may be unknown, what is known, and what fails for some values. */
const TESTS = [
  'context.granted',
  'context.self',
  'context.proof == "none"',
  'context.scopes.contains("x")',
  'context.argumentsOmitted',
  'context has arguments && context.arguments has amount',
  '(context has arguments && context.arguments has amount && context.arguments.amount * 9000000000000000 > 5)',
  'resource.publicData',
  'context.depth + 9223372036854775806 > 3',
  'resource.name like "p*"',
]

const condition: fc.Arbitrary<string> = fc.letrec<{ all: string; one: string }>((tie) => ({
  one: fc.constantFrom(...TESTS),
  all: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('one'),
    fc.tuple(tie('all'), fc.constantFrom('&&', '||'), tie('all')).map(([a, join, b]) => `(${a} ${join} ${b})`),
    tie('all').map((a) => `!(${a})`),
    fc.tuple(tie('all'), tie('all'), tie('all')).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
  ),
})).all

const facts = (more: Partial<Facts>): Facts => ({
  agent: { id: 'agt_a' },
  person: { id: 'usr_p' },
  grant: [{ server: SERVER, tools: ['pay'] }],
  server: { resource: SERVER },
  tool: { name: 'pay' },
  method: 'tools/call',
  ...more,
})

/** Whatever stands in the unknown members. */
const WORLDS: readonly Partial<Facts>[] = [
  {},
  { proof: 'none' },
  { scopes: ['x'] },
  { arguments: { amount: 1 } },
  { arguments: { amount: 2000 }, scopes: ['x'] },
  { arguments: { amount: 'unreadable' }, proof: 'none' },
]

test('what is told of a policy while something is unknown is so whatever that is', { timeout: 120_000 }, async () => {
  let told = 0
  let open = 0
  await fc.assert(
    fc.asyncProperty(fc.array(condition, { minLength: 1, maxLength: 4 }), fc.boolean(), async (conditions, when) => {
      const clauses = conditions.map((one, index) => `${when || index > 0 ? 'when' : 'unless'} { ${one} }`)
      const text = `@id("x") permit (principal, action == Action::"tools/call", resource is Tool) ${clauses.join(' ')};`
      const snapshot = await compilePolicySet({
        files: [{ name: 'a.cedar', text }],
        schema: { name: 'schema.cedarschema', text: 'type Arguments = { amount?: Long };' },
      })
      const policy = (await preparePolicies(snapshot)).find(({ info }) => info.id === 'x')
      assert.ok(policy !== undefined)
      const standings = new Set<string>()
      let satisfied: boolean | undefined
      for (const world of WORLDS) {
        const { policies: asked } = await askScene(snapshot, sceneOf(facts(world)))
        assert.ok(asked !== undefined)
        const { standing } = explainPolicy(policy, asked.question, asked.view, new Set(NAMES))
        standings.add(standing)
        satisfied = standing === 'unknown' ? undefined : standing === 'matches'
        if (satisfied !== undefined)
          assert.equal(asked.verdict.reasons.includes('x'), satisfied, `${standing}: ${text}`)
      }
      assert.equal(standings.size, 1, 'what is said depends on nothing that is unknown')
      if (satisfied === undefined) open++
      else told++
    }),
    { numRuns: 60 },
  )
  assert.ok(told > 5 && open > 5, `${told} told, ${open} not`)
})
