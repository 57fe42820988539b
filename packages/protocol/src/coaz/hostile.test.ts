/** Expressions that would be slow, large or more than an expression; and whatever is sent to good ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '@credence/kit/json'
import fc from 'fast-check'
import { mcpExpressions } from './cel.ts'
import { MAX_LOOPED, MAX_LOOPED_TEXT } from './framework-draft-1/index.ts'
import { readMapping, readOwnMapping } from './index.ts'

const read = mcpExpressions()
const token = { sub: 's', aud: 'a', client_id: 'c' }
const mappingOf = (expression: string): JsonObject => ({ evaluation: { context: { x: `$${expression}` } } })
const codeOf = (act: () => unknown): string => {
  try {
    act()
    return 'fine'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

test('expressions that cannot be bounded are refused when they are read', () => {
  const refused = [
    "'aaaa'.matches('(a+)+$')",
    'params.l.all(x, params.l.all(y, x != y))',
    'params.l.exists(x, params.l.filter(y, y == x).size() > 0)',
    'params.l.map(x, x).map(x, x)',
    'cel.bind(x, params.a + params.a, x + x)',
    'params.l.all(x, true) && params.l.all(x, true) && params.l.all(x, true) && params.l.all(x, true) && params.l.all(x, true)',
    Array.from({ length: 40 }, () => 'params.a').join(' + '),
    `${'('.repeat(60)}1${')'.repeat(60)}`,
    `${'!'.repeat(300)}true`,
    'params.a.contains(params.l)',
    'params.a.indexOf(token.sub)',
    `params.a.contains('${'x'.repeat(65)}')`,
    "params.a.split('')",
    "params.a.replace('a', 'b')",
    `params${'.a'.repeat(300)}`,
    `'${'a'.repeat(2000)}'`,
    `[${Array.from({ length: 100 }, (_, at) => at).join(',')}]`,
    'other.x',
    'process.env',
    'params.constructor.constructor("return process")()',
    "type('x')",
    "timestamp('2020-01-01T00:00:00Z')",
    "duration('1s')",
    '',
    '1 +',
    'params params',
    "'a' + 1",
  ]
  for (const expression of refused)
    assert.equal(
      codeOf(() => readMapping(mappingOf(expression), read)),
      'coaz_mapping_failed',
      expression.slice(0, 60),
    )
})

test('values that JSON cannot say, and names of prototypes, fail', () => {
  const failing = [
    "b'abc'",
    '9223372036854775807',
    '1.0 / 0.0',
    'params.__proto__',
    'params.constructor',
    'params.toString',
    "params['hasOwnProperty']",
    'params.l.length',
    'params',
  ]
  for (const expression of failing) {
    const act = () =>
      readMapping(mappingOf(expression), read).questions({
        params: { l: [1], m: Array.from({ length: 5_000 }, () => 1) },
        token,
      })
    assert.equal(codeOf(act), 'coaz_mapping_failed', expression)
  }
})

test('a list that is too long for a loop, and a result that is too long, are mapping errors; both end soon', () => {
  const long: JsonObject = { l: Array.from({ length: 100_000 }, (_, at) => at), a: 'x'.repeat(60_000) }
  const started = performance.now()
  for (const expression of [
    'params.l.all(x, x >= 0)',
    'params.l.map(x, params.a + params.a)',
    Array.from({ length: 8 }, () => 'params.a').join(' + '),
    Array.from({ length: 8 }, () => 'params.l').join(' + '),
  ])
    assert.equal(
      codeOf(() => readMapping(mappingOf(expression), read).questions({ params: long, token })),
      'coaz_mapping_failed',
      expression.slice(0, 40),
    )
  assert.ok(performance.now() - started < 2_000)
  assert.equal(
    codeOf(() => readMapping(mappingOf('size(params.l)'), read).questions({ params: long, token })),
    'fine',
  )
})

const whyOf = (act: () => unknown): string => {
  try {
    act()
    return 'fine'
  } catch (error) {
    return String((error as { message?: unknown }).message)
  }
}

const members = Array.from({ length: MAX_LOOPED }, (_, at) => at)
const withText = (characters: number): JsonObject => ({ l: members, s: 'x'.repeat(characters) })
const asking = (expression: string, leaves: number, params: JsonObject) => {
  const context = Object.fromEntries(Array.from({ length: leaves }, (_, at) => [`c${at}`, `$${expression}`]))
  const mapping = readMapping({ evaluation: { context } }, read)
  return () => mapping.questions({ params, token })
}

test('what loops reads short requests only, wherever the long text is', () => {
  for (const expression of [
    'params.l.all(x, params.s.size() <= 1000000)',
    "params.l.exists(x, params.s.contains('confidential'))",
    'params.l.map(x, params.s.lowerAscii()).size()',
    'params.l.all(x, true)',
  ]) {
    assert.match(whyOf(asking(expression, 1, withText(MAX_LOOPED_TEXT))), /more than 16384 characters/, expression)
    assert.equal(whyOf(asking(expression, 1, withText(MAX_LOOPED_TEXT / 2))), 'fine', expression)
  }
  const inNames = { l: members, m: { ['n'.repeat(MAX_LOOPED_TEXT)]: 1 } }
  assert.match(whyOf(asking('params.l.all(x, true)', 1, inNames)), /more than 16384 characters/)
  assert.equal(whyOf(asking('params.s.size()', 1, withText(1_000_000))), 'fine')
})

test('expressions share one budget of what they read: many, joined, or with much within a loop are refused before they run', () => {
  const size = 'params.l.all(x, params.s.size() < 9)'
  assert.equal(whyOf(asking(size, 1, withText(12_000))), 'fine')
  for (const [expression, leaves, characters] of [
    [size, 8, 12_000],
    [
      'params.l.all(x, params.s.size() < 9 || params.s.trim().size() < 9 || params.s.upperAscii().size() < 9)',
      2,
      12_000,
    ],
    ["params.l.all(x, (params.s + params.s + params.s).startsWith('y'))", 1, 12_000],
    ['(params.l + params.l + params.l).all(x, params.s.size() < 9)', 1, 12_000],
    ['params.s.size()', 64, 1_000_000],
  ] as const)
    assert.match(whyOf(asking(expression, leaves, withText(characters))), /too long for what it does/, expression)
})

test('what is made is counted while it is made: the leaf that is too much ends it, and no other is evaluated', () => {
  let evaluated = 0
  const counting = (text: string) => {
    const { evaluate, ...rest } = read(text)
    return {
      ...rest,
      evaluate: (...asked: Parameters<typeof evaluate>) => {
        evaluated += 1
        return evaluate(...asked)
      },
    }
  }
  const context = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`c${at}`, '$params.l.map(x, params.s)']))
  const mapping = readMapping({ evaluation: { context } }, counting)
  assert.match(
    whyOf(() => mapping.questions({ params: withText(200), token })),
    /too long/,
  )
  assert.equal(evaluated, 2)
})

const someName = fc.oneof(
  fc.constantFrom('id', 'source', '__proto__', 'constructor', 'l', ''),
  fc.string({ maxLength: 6 }),
)
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, 0, -1, 1.5, '', '$', '$$', '$token.sub', '$params.id', '$params.?id', 'x'),
    fc.string({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(someName, tie('value'), { maxKeys: 4 }),
  ),
})).value

const mostly = (value: JsonValue) =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 3 }, { arbitrary: json, weight: 1 })

test('whatever a mapping says and whatever is sent: questions about the token’s subject, or a mapping error', () => {
  const template = fc.record(
    {
      subject: mostly({ type: 'identity', id: '$token.sub' }),
      action: mostly({ name: 'read' }),
      resource: fc.oneof(
        json,
        fc.constant({ type: 'doc', id: '$params.id' }),
        fc.constant({ type: 'doc', id: '$token.sub' }),
      ),
      context: fc.oneof(json, fc.dictionary(someName, json)),
    },
    { requiredKeys: ['action', 'resource'] },
  )
  const document = fc.oneof(
    json,
    fc.record({ evaluation: template }),
    fc.record({ evaluations: fc.record({ evaluations: fc.array(template, { maxLength: 3 }) }) }),
  )
  let good = 0
  fc.assert(
    fc.property(document, fc.dictionary(someName, json), (mapping, params) => {
      let questions: ReturnType<ReturnType<typeof readOwnMapping>['evaluations']>
      try {
        questions = readOwnMapping(mapping as JsonValue, read).evaluations(params as JsonObject, token)
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'coaz_mapping_failed', String(error))
        return
      }
      good += 1
      assert.ok(questions.length > 0)
      for (const { subject, action, resource, context } of questions) {
        assert.equal(subject.id, 's')
        assert.ok(
          [subject.type, action.name, resource.type, resource.id].every(
            (text) => typeof text === 'string' && text !== '',
          ),
        )
        assert.equal(context?.agent, 'c')
      }
    }),
    { numRuns: 3000 },
  )
  assert.ok(good > 30, String(good))
})

test('whatever an expression is: a JSON value, nothing, or a mapping error', () => {
  const atom = fc.constantFrom(
    'params.a',
    'params.?a',
    'params.l',
    'token.sub',
    "'x'",
    '1',
    '1.5',
    'true',
    'null',
    '[]',
    '{}',
    'params',
  )
  const expression = fc.letrec<{ e: string }>((tie) => ({
    e: fc.oneof(
      { depthSize: 'small' },
      atom,
      fc
        .tuple(tie('e'), fc.constantFrom('+', '-', '*', '/', '%', '==', '<', '&&', '||', 'in'), tie('e'))
        .map((p) => p.join(' ')),
      fc.tuple(tie('e'), tie('e'), tie('e')).map(([a, b, c]) => `(${a}) ? ${b} : ${c}`),
      fc
        .tuple(tie('e'), fc.constantFrom('all', 'exists', 'map', 'filter'), tie('e'))
        .map(([a, f, b]) => `(${a}).${f}(x, ${b})`),
      tie('e').map((e) => `size(${e})`),
      tie('e').map((e) => `string(${e})`),
      tie('e').map((e) => `(${e})[0]`),
    ),
  })).e
  fc.assert(
    fc.property(expression, json, (text, a) => {
      try {
        const [made] = readMapping(mappingOf(text), read).questions({
          params: { a: a as JsonValue, l: [1, 'x'] },
          token,
        })
        assert.deepEqual(JSON.parse(JSON.stringify(made)), made)
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'coaz_mapping_failed') throw error
      }
    }),
    { numRuns: 3000 },
  )
})
