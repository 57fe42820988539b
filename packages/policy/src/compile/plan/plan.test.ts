/** Plans say what evaluating policy by policy says, or say that they cannot. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from '@credence/kit/testing'
import fc from 'fast-check'
import { parseText } from '../../cedar/read-text.ts'
import { CedarEntity, CedarQuestion, type Entities, linkEntities } from '../entities.ts'
import { type CompiledPolicy, compilePolicy } from '../policy.ts'
import { atOnce } from '../portions.ts'
import { linking, type Program, verdictOf } from '../program.ts'
import { CedarRecord, CedarSet, type CedarValue, Uid } from '../values.ts'

/** What people write, and what fails when something is missing or of another type. */
const CONDITIONS = [
  ...[0, 1, 2, 3].flatMap((n) => ['<', '<=', '>', '>='].map((operator) => `context.n ${operator} ${n}`)),
  ...[1, 2].map((n) => `!(context.n < ${n})`),
  ...['a', 'b'].flatMap((name) => [
    `context.s == "${name}"`,
    `context.s != "${name}"`,
    `context.set.contains("${name}")`,
  ]),
  'context.b',
  '!context.b',
  'context.s like "a*"',
  '["a", "c"].contains(context.s)',
  'context has r && context.r has n && context.r.n > 1',
  'context has r && resource.b && context.r has n && context.r.n <= 1',
  'context has r && context.r.n < 2',
  'context has r.n && context.r.n != 1',
  'context.r has n && context has r && context.r.n >= 0',
  'context.n + 9223372036854775806 > 0',
  'context.n == 1 || context.b',
  'if context.b then context.n > 1 else context.s == "a"',
  'principal has s && principal.s == "a"',
  'principal.s == "a" && principal.b',
  'principal in G::"g" || principal.b',
  'principal.boss.s == "a"',
  'principal.boss has s && principal.boss.s == "b"',
  'resource.b',
  'resource.set.contains(context.n)',
  'resource.owner == principal',
  'resource is R && resource.b',
  'principal is U',
  '1 < 2',
  'decimal("1.0") == context.n',
  'decimal("x").lessThan(decimal("1.0"))',
] as const

const SCOPES = {
  principal: ['principal', 'principal == U::"1"', 'principal in G::"g"', 'principal is U', 'principal is U in G::"g"'],
  action: ['action', 'action == Action::"a"', 'action in [Action::"a", Action::"b"]'],
  resource: ['resource', 'resource == R::"1"', 'resource in S::"s"', 'resource is R', 'resource is Q'],
} as const

/** The first one mostly: policies that can be reached together say the most. */
const scope = (texts: readonly string[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(texts[0] as string) }, fc.constantFrom(...texts))

const policyText = fc
  .record({
    effect: fc.constantFrom('permit', 'permit', 'forbid'),
    principal: scope(SCOPES.principal),
    action: scope(SCOPES.action),
    resource: scope(SCOPES.resource),
    clauses: fc.array(fc.tuple(fc.constantFrom('when', 'when', 'unless'), fc.constantFrom(...CONDITIONS)), {
      maxLength: 4,
    }),
  })
  .map(
    ({ effect, principal, action, resource, clauses }) =>
      `${effect} (${principal}, ${action}, ${resource}) ${clauses.map(([kind, body]) => `${kind} { ${body} }`).join(' ')};`,
  )

const value: fc.Arbitrary<CedarValue> = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom('a', 'b', 'c', true, false, 2n ** 60n),
  fc.constantFrom(new Uid('U', '1'), new Uid('U', '2')),
)
const members = fc.array(value, { maxLength: 3 }).map((items) => new CedarSet(items))
const record = (fields: Readonly<Record<string, fc.Arbitrary<CedarValue>>>): fc.Arbitrary<CedarRecord> =>
  fc.record(fields, { requiredKeys: [] }).map((made) => CedarRecord.of(Object.entries(made) as [string, CedarValue][]))
/** Nearly always of the type that policies expect: a plan is for those. */
const mostly = (expected: fc.Arbitrary<CedarValue>) => fc.oneof({ weight: 30, arbitrary: expected }, value)
const fields = {
  n: mostly(fc.integer({ min: 0, max: 3 })),
  s: mostly(fc.constantFrom('a', 'ab', 'b')),
  b: mostly(fc.boolean()),
  set: mostly(members),
}
const whole = fc
  .record({ ...fields, r: fc.option(mostly(record({ n: fields.n })), { nil: undefined }) })
  .map((made) => CedarRecord.of(Object.entries(made).filter(([, one]) => one !== undefined) as [string, CedarValue][]))
const context = fc.oneof({ weight: 6, arbitrary: whole }, record({ ...fields, r: record({ n: fields.n }) }))
const attributes = fc
  .record({
    ...fields,
    boss: fc.constantFrom(new Uid('U', '1'), new Uid('U', '3')),
    owner: fc.constant(new Uid('U', '1')),
  })
  .map((made) => CedarRecord.of(Object.entries(made) as [string, CedarValue][]))
const attrs = fc.oneof({ weight: 6, arbitrary: attributes }, record(fields))

const uids = (type: string) => fc.constantFrom('1', '2').map((id) => new Uid(type, id))
const questions = fc.array(fc.record({ principal: uids('U'), resource: uids('R'), action: uids('Action'), context }), {
  minLength: 1,
  maxLength: 6,
})

const compiled = (texts: readonly string[]): CompiledPolicy[] =>
  texts.map((text, index) => {
    const { json } = parseText(text)
    assert.ok(json !== undefined, text)
    const parsed = JSON.parse(json)
    return compilePolicy(`p${index}`, parsed.effect, parsed)
  })

const said = (program: Program, question: CedarQuestion) => {
  const { planned, ...outcome } = program.run(question)
  const { allow, reasons, errors } = verdictOf(outcome)
  const failures = errors.map(({ policy, kind, message }) => `${policy} ${kind} ${message}`).sort()
  return { planned, allow, reasons: [...reasons].sort(), failures }
}

test('plans and evaluating policy by policy say the same, whatever is missing, fails or is of another type', () => {
  let planned = 0
  let asked = 0
  fc.assert(
    fc.property(
      fc.array(policyText, { minLength: 1, maxLength: 30 }),
      fc.array(attrs, { minLength: 4, maxLength: 4 }),
      questions,
      (texts, records, several) => {
        const facts = [
          { uid: new Uid('U', '1'), attrs: records[0] as CedarRecord, parents: [new Uid('G', 'g')] },
          { uid: new Uid('U', '2'), attrs: records[1] as CedarRecord, parents: [] },
          { uid: new Uid('R', '1'), attrs: records[2] as CedarRecord, parents: [new Uid('S', 's')] },
          { uid: new Uid('R', '2'), attrs: records[3] as CedarRecord, parents: [] },
        ]
        const policies = compiled(texts)
        const engine = (often: number) => {
          const program = atOnce(linking(policies, often))
          const entities = linkEntities(facts)
          return (one: (typeof several)[number]) => said(program, new CedarQuestion(one, one.context, entities))
        }
        const [quick, slow] = [engine(1), engine(Number.POSITIVE_INFINITY)]
        for (const one of several) {
          const { planned: was, ...mine } = quick(one)
          const { planned: never, ...theirs } = slow(one)
          assert.equal(never, false)
          assert.deepEqual(mine, theirs)
          asked++
          if (was) planned++
        }
      },
    ),
    { ...cases(300), endOnFailure: true },
  )
  assert.ok(planned > asked / 20, `${planned} of ${asked} questions were answered by plans`)
})

test('a question that is asked while another is answered spoils neither', () => {
  const program = atOnce(
    linking(
      compiled([
        'permit (principal == U::"1", action, resource) when { context.n == 1 && context.boss.b };',
        'permit (principal, action, resource == R::"1") when { context.boss.b && context.n == 1 };',
        'forbid (principal == U::"1", action, resource) when { context.n == 2 };',
      ]),
      1,
    ),
  )
  const facts = (type: string, id: string, b: boolean) =>
    new CedarEntity({ uid: new Uid(type, id), attrs: CedarRecord.of([['b', b]]), parents: [] })
  const known = new Map(
    [facts('U', '1', true), facts('R', '1', true), facts('U', '3', true)].map((one) => [one.uid.key, one]),
  )
  const ask = (n: number, entities: Entities) => {
    const asked = { principal: new Uid('U', '1'), action: new Uid('Action', 'a'), resource: new Uid('R', '1') }
    const made = CedarRecord.of([
      ['n', n],
      ['boss', new Uid('U', '3')],
    ])
    return verdictOf(program.run(new CedarQuestion(asked, made, entities)))
  }
  const inner: unknown[] = []
  const asking: Entities = {
    get: (key) => {
      if (key === 'U"3') inner.push(ask(2, known))
      return known.get(key)
    },
    values: () => known.values(),
  }
  for (let round = 0; round < 4; round++) {
    inner.length = 0
    assert.deepEqual(ask(1, asking), { allow: true, reasons: ['p0', 'p1'], errors: [] })
    assert.deepEqual(inner[0], { allow: false, reasons: ['p2'], errors: [] })
  }
})

test('a policy that only cedar-wasm can evaluate keeps its side from plans', () => {
  const program = atOnce(
    linking(
      compiled([
        'permit (principal == U::"1", action, resource) when { unknown("x") };',
        'permit (principal, action, resource) when { context.n == 1 };',
      ]),
      1,
    ),
  )
  const entities = linkEntities(
    ['1', '2'].map((id) => ({ uid: new Uid('U', id), attrs: CedarRecord.of([]), parents: [] })),
  )
  const resource = new Uid('R', '1')
  const all = new Map([
    ...entities,
    [resource.key, new CedarEntity({ uid: resource, attrs: CedarRecord.of([]), parents: [] })],
  ])
  const ask = (id: string) => {
    const asked = { principal: new Uid('U', id), action: new Uid('Action', 'a'), resource }
    return program.run(new CedarQuestion(asked, CedarRecord.of([['n', 1]]), all))
  }
  assert.deepEqual([ask('1').engine, ask('1').planned, ask('1').permits], [true, false, ['p1']])
  assert.deepEqual([ask('2').engine, ask('2').planned, ask('2').permits], [false, true, ['p1']])
})

test('a guard keeps what is read behind it from failing, with other conditions between them', () => {
  const when = 'context has r && context.n == 1 && context.r has n && context.b && context.r.n <= 1'
  const program = atOnce(linking(compiled([`permit (principal, action, resource) when { ${when} };`]), 1))
  const entities = linkEntities(
    ['U', 'R'].map((type) => ({ uid: new Uid(type, '1'), attrs: CedarRecord.of([]), parents: [] })),
  )
  const asked = { principal: new Uid('U', '1'), action: new Uid('Action', 'a'), resource: new Uid('R', '1') }
  const ask = (r: readonly (readonly [string, CedarValue])[]) => {
    const { planned, permits, errors } = program.run(
      new CedarQuestion(asked, CedarRecord.of([['n', 1], ['b', true], ...r]), entities),
    )
    return { planned, permits, errors }
  }
  assert.deepEqual(ask([]), { planned: true, permits: [], errors: [] })
  assert.deepEqual(ask([['r', CedarRecord.of([])]]), { planned: true, permits: [], errors: [] })
  assert.deepEqual(ask([['r', CedarRecord.of([['n', 1]])]]), { planned: true, permits: ['p0'], errors: [] })
})
