/** Input that somebody made to hurt: it is refused, or it costs no more than its length. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCedarLane } from './cedar/lane.ts'
import { requestJson } from './cedar/question.ts'
import { readTexts } from './cedar/read-text.ts'
import { CedarQuestion, type EntityFacts, linkEntities } from './compile/entities.ts'
import { compilePolicy } from './compile/policy.ts'
import { linkProgram, type Verdict, verdictOf } from './compile/program.ts'
import { CedarRecord, CedarSet, type CedarValue, NO_FIELDS, Uid } from './compile/values.ts'
import { quoted } from './testing/fuzz/values.ts'

const MEGABYTE = 'x'.repeat(2 ** 20)
const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '', ' ', '"', 'a\u0000b', '\u202e', MEGABYTE]
const lane = createCedarLane(30_000)

const compiled = (...texts: readonly string[]) => {
  const { policies } = readTexts({ kind: 'read', schema: 'entity Nothing;', policies: texts })
  return linkProgram(
    policies.map(({ json, errors }, index) => {
      if (json === undefined) throw new Error(errors[0]?.message)
      const parsed = JSON.parse(json)
      return compilePolicy(`p${index}`, parsed.effect, parsed)
    }),
  )
}

const [U, ACTION, R] = [new Uid('U', '1'), new Uid('Action', 'a'), new Uid('R', '1')]

const ask = (
  context: Readonly<Record<string, CedarValue>> | CedarRecord,
  entities: readonly EntityFacts[] = [],
  who = U,
): CedarQuestion =>
  new CedarQuestion(
    { principal: who, action: ACTION, resource: R },
    context instanceof CedarRecord ? context : CedarRecord.of(Object.entries(context)),
    linkEntities(entities),
  )

const when = (condition: string): string => `permit (principal, action, resource) when { ${condition} };`

const said = ({ allow, reasons, errors }: Pick<Verdict, 'allow' | 'reasons' | 'errors'>) => ({
  allow,
  reasons: [...reasons].sort(),
  errors: errors.map(({ policy, kind }) => `${policy} ${kind}`).sort(),
})

/** Milliseconds that it took; what is not linear takes minutes here. */
const within = (ms: number, work: () => void): void => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  assert.ok((user + system) / 1000 < ms, `${(user + system) / 1000} ms`)
}

test('names of attributes and entities are names like any other, on both engines', async () => {
  for (const name of NAMES) {
    const short = name.slice(0, 1000)
    const texts = [
      when(`context[${quoted(short)}] == 1`),
      when(`principal[${quoted(short)}] == 2 && principal has ${quoted(short)}`),
      when(`principal == U::${quoted(short)}`),
      when(`principal in G::${quoted(short)} && principal.hasTag(${quoted(short)})`),
      when(`{${quoted(short)}: 1} == {${quoted(short)}: 1}`),
      when(`context has ${quoted(`${short}x`)} || principal has ${quoted(`${short}x`)}`),
    ]
    const program = compiled(...texts)
    const who = new Uid('U', short)
    const record = CedarRecord.of([[short, 2]])
    const facts = { uid: who, attrs: record, parents: [new Uid('G', short)], tags: record }
    for (const question of [
      ask(CedarRecord.of([[short, 1]]), [facts], who),
      ask(NO_FIELDS, [facts], who),
      ask(NO_FIELDS),
    ]) {
      const policies = Object.fromEntries(texts.map((text, index) => [`p${index}`, text]))
      const theirs = await lane.authorize({ key: short, policies }, requestJson(question))
      assert.deepEqual(said(verdictOf(program.run(question))), said(theirs), JSON.stringify(name))
    }
  }
})

test('lone surrogates and megabytes decide nothing and break nothing', () => {
  const program = compiled(when('context.name == "a"'), when('principal == U::"a" || principal in G::"a"'))
  for (const text of ['\ud800', '\udc00\ud800', MEGABYTE, `${MEGABYTE}\ud800`]) {
    const who = new Uid('U', text)
    const facts = { uid: who, attrs: CedarRecord.of([[text, text]]), parents: [new Uid('G', text)] }
    const { allow, errors } = verdictOf(program.run(ask({ name: text }, [facts], who)))
    assert.deepEqual([allow, errors], [false, []])
  }
})

test('a name that is not there stays absent, whatever objects inherit', () => {
  const program = compiled(...NAMES.slice(0, 4).map((name) => when(`context has ${quoted(name)}`)))
  assert.deepEqual(verdictOf(program.run(ask({}))), { allow: false, reasons: [], errors: [] })
  const reading = compiled(when('context["__proto__"]["polluted"] == 1'))
  assert.equal(verdictOf(reading.run(ask({}))).errors[0]?.kind, 'attribute')
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('hierarchies: cycles and repetitions are refused as cedar-wasm refuses them, depth and width are linear', async () => {
  const facts = (id: string, ...parents: readonly string[]): EntityFacts => ({
    uid: new Uid('G', id),
    attrs: NO_FIELDS,
    parents: parents.map((parent) => new Uid('G', parent)),
  })
  const cycles = [
    [facts('a', 'a')],
    [facts('a', 'b'), facts('b', 'a')],
    [facts('x', 'a'), facts('a', 'b', 'c'), facts('b', 'd'), facts('c', 'd'), facts('d', 'e'), facts('e', 'b')],
  ]
  const set = { key: 'cycles', policies: { all: 'permit (principal, action, resource);' } }
  for (const cycle of cycles) {
    assert.throws(() => linkEntities(cycle), { code: 'entity_cycle' })
    const uids = ({ uid: { type, id } }: EntityFacts) => ({ type, id })
    const entities = cycle.map((one) => ({
      uid: uids(one),
      attrs: {},
      tags: {},
      parents: one.parents.map(({ type, id }) => ({ type, id })),
    }))
    const request = { ...requestJson(ask({})), entities }
    await assert.rejects(lane.authorize(set, request), { code: 'cedar_declined' })
  }
  assert.throws(() => linkEntities([facts('a'), facts('a', 'b')]), { code: 'entity_duplicate' })
  const diamond = [facts('a', 'b', 'c'), facts('b', 'd'), facts('c', 'd'), facts('d')]
  assert.equal(linkEntities(diamond).get('G"a')?.ancestors.size, 3)
  const deep = Array.from({ length: 50_000 }, (_, index) => facts(`${index}`, `${index + 1}`))
  const program = compiled(when('principal in G::"50000"'))
  within(5000, () => {
    const question = new CedarQuestion(
      { principal: new Uid('G', '0'), action: ACTION, resource: R },
      NO_FIELDS,
      linkEntities(deep),
    )
    assert.equal(verdictOf(program.run(question)).allow, true)
  })
})

test('`like` is linear in the text, however many wildcards', () => {
  const stars = '*a'.repeat(2000)
  const program = compiled(when(`context.text like "${stars}*b"`), when('context.text like "*a*a*a*a*a*a*a*a*a*a*b*c"'))
  within(3000, () => {
    for (let round = 0; round < 5; round++) {
      const { allow } = verdictOf(program.run(ask({ text: 'a'.repeat(2 ** 20) })))
      assert.equal(allow, false)
    }
  })
})

test('huge sets are linear: members, subsets, equality, of plain values and of records', () => {
  const many = (make: (index: number) => CedarValue, from = 0) =>
    new CedarSet(Array.from({ length: 100_000 }, (_, index) => make(index + from)))
  const program = compiled(
    when('context.all.containsAll(context.some)'),
    when('context.all.containsAny(context.none)'),
    when('context.all == context.same && context.all.contains(context.one)'),
  )
  const kinds: ((index: number) => CedarValue)[] = [
    (index) => index,
    (index) => `t${index}`,
    (index) => new Uid('U', `${index}`),
    (index) => CedarRecord.of([['a', index]]),
  ]
  for (const make of kinds) {
    within(5000, () => {
      const all = many(make)
      const context = { all, some: many(make), none: many(make, 200_000), same: many(make), one: make(99_999) }
      assert.deepEqual([...verdictOf(program.run(ask(context))).reasons].sort(), ['p0', 'p2'])
    })
  }
})

test('texts of extension types are read in linear time', () => {
  const program = compiled(
    when('datetime(context.text) > datetime("2026-01-01")'),
    when('decimal(context.text).lessThan(decimal("1.0"))'),
    when('ip(context.text).isIpv4()'),
    when('duration(context.text) > duration("1d")'),
  )
  for (const text of [
    '1'.repeat(2 ** 20),
    `${'0'.repeat(2 ** 20)}d`,
    `${'1'.repeat(2 ** 20)}.0`,
    ':'.repeat(2 ** 20),
    '1d'.repeat(2 ** 19),
  ]) {
    within(3000, () => {
      const { allow, errors } = verdictOf(program.run(ask({ text })))
      assert.equal(allow, false)
      assert.ok(errors.length >= 3 && errors.every(({ kind }) => kind === 'extension'))
    })
  }
})

test('more shapes than are shared decide the same', () => {
  const program = compiled(when('context.wanted == 1'))
  for (let index = 0; index < 6000; index++) {
    const { allow } = verdictOf(
      program.run(
        ask(
          CedarRecord.of([
            [`n${index}`, 0],
            ['wanted', index % 2],
          ]),
        ),
      ),
    )
    assert.equal(allow, index % 2 === 1)
  }
})
