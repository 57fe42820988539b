import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isCredenceError } from '../errors.ts'
import { cases } from '../testing/index.ts'
import { parseByOwnRules } from './own-parser.ts'
import { type JsonValue, parseStrict, type StrictLimits } from './strict.ts'

const refusal = (input: string | Uint8Array, limits?: StrictLimits): string => {
  try {
    parseStrict(input, limits)
  } catch (error) {
    if (isCredenceError(error) && error.kind === 'refused') return error.code
    throw error
  }
  return 'accepted'
}

describe('what is refused', () => {
  const cases: readonly [string, string | Uint8Array, string][] = [
    ['repeated name', '{"a":1,"a":1}', 'json_key_repeated'],
    ['repeated name, deep', '[{"b":{"a":1,"a":2}}]', 'json_key_repeated'],
    ['repeated name by escape', '{"a":1,"\\u0061":2}', 'json_key_repeated'],
    ['repeated index-like name', '{"1":1,"1":2}', 'json_key_repeated'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'json_key_forbidden'],
    ['__proto__ by escape', '{"\\u005f_proto__":{"admin":true}}', 'json_key_forbidden'],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), 'json_encoding'],
    ['overlong UTF-8', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'json_encoding'],
    ['surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'json_encoding'],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 'json_invalid'],
    ['byte order mark', Buffer.from('\ufeff{}'), 'json_bom'],
    ['half a pair', '"\\ud800"', 'json_surrogate'],
    ['half a pair in a name', '{"\\udc00":1}', 'json_surrogate'],
    ['half a pair in a string', '"\ud800"', 'json_surrogate'],
    ['NUL escaped', '"a\\u0000b"', 'json_nul'],
    ['NUL in a name', '{"\\u0000":1}', 'json_nul'],
    ['NUL raw', '"a\u0000b"', 'json_invalid'],
    ['two texts', '{}{}', 'json_invalid'],
    ['rubbish behind', '{} x', 'json_invalid'],
    ['nothing', '', 'json_invalid'],
    ['comment', '{/**/}', 'json_invalid'],
    ['trailing comma', '[1,]', 'json_invalid'],
    ['single quotes', "{'a':1}", 'json_invalid'],
    ['NaN', 'NaN', 'json_invalid'],
    ['leading zero', '01', 'json_invalid'],
    ['leading plus', '+1', 'json_invalid'],
    ['hexadecimal', '0x10', 'json_invalid'],
    ['2^53+1', '9007199254740993', 'json_number'],
    ['1e400', '1e400', 'json_number'],
    ['-1e400', '[-1e400]', 'json_number'],
    ['1e-400', '1e-400', 'json_number'],
    ['-0', '-0', 'json_number'],
    ['-0.0', '{"a":-0.0}', 'json_number'],
    ['-0e1', '-0e1', 'json_number'],
    ['too many digits', '3.14159265358979323846', 'json_number'],
    ['number in a text with escaped names', '{"\\u0061":9007199254740993}', 'json_number'],
    ['depth', '['.repeat(65) + ']'.repeat(65), 'json_too_deep'],
    ['depth of ten thousand', '{"a":'.repeat(10_000), 'json_too_deep'],
    ['open string', '"abc', 'json_invalid'],
    ['open escape', '"abc\\', 'json_invalid'],
    ['bad escape in a name', '{"\\x":1}', 'json_invalid'],
    ['bad escape of the prototype', '{"\\constructor":1}', 'json_invalid'],
  ]
  for (const [name, input, code] of cases) test(name, () => assert.equal(refusal(input), code))

  test('limits', () => {
    assert.equal(refusal('[1,2,3]', { maxBytes: 6 }), 'json_too_long')
    assert.equal(refusal('"ää"', { maxBytes: 5 }), 'json_too_long')
    assert.equal(refusal('{"a":1,"b":2}', { maxKeys: 1 }), 'json_too_many_keys')
    assert.equal(refusal('['.repeat(600) + ']'.repeat(600), { maxDepth: 10_000 }), 'json_too_deep')
    assert.equal(refusal('"\\u0000"', { allowNul: true }), 'accepted')
  })
})

describe('what is accepted', () => {
  const cases: readonly [string, JsonValue][] = [
    ['{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
    ['"a:b{[\\"\\\\"', 'a:b{["\\'],
    ['{"a:b":"c:d"}', { 'a:b': 'c:d' }],
    [
      ' [1.0, 1e2, 0.1, -1.5E-3, 0, 0e0, 9007199254740991, 1e21, 5e-324] ',
      [1, 100, 0.1, -0.0015, 0, 0, 2 ** 53 - 1, 1e21, 5e-324],
    ],
    ['"\\ud83d\\ude00"', '😀'],
    ['{"\\u006dethod":"x"}', { method: 'x' }],
    ['"\u2028"', '\u2028'],
  ]
  for (const [text, value] of cases) test(text, () => assert.deepEqual(parseStrict(text), value))

  test('a member named like one of Object.prototype does not change any prototype', () => {
    const value = parseStrict('{"constructor":{"prototype":{"admin":true}}}') as object
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(({} as Record<string, unknown>).admin, undefined)
  })
})

test('one caller cannot poison names of another (nodejs/node#63785)', () => {
  for (const letter of ['m', 'n', 'a', 'p']) {
    const hex = letter.charCodeAt(0).toString(16).padStart(4, '0')
    const poison = `{"jsonrpc":"2.0","\\\\u${hex}":1}`
    const victim = `{"jsonrpc":"2.0","\\u${hex}ethod":1}`
    for (let round = 0; round < 3; round += 1) {
      // Poisons the engine directly as well, as any other library of the process could.
      JSON.parse(poison)
      parseStrict(poison)
      assert.deepEqual(Object.keys(parseStrict(victim) as object), ['jsonrpc', `${letter}ethod`])
      assert.deepEqual(Object.keys(parseStrict(Buffer.from(victim)) as object), ['jsonrpc', `${letter}ethod`])
    }
  }
})

/** A value together with one of its texts, so that the expectation comes from no parser. */
const unitEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

const escapeAll = (text: string, choose: (at: number) => number): string => {
  let out = ''
  for (const point of text) {
    const must = point < ' ' || point === '"' || point === '\\'
    out += must || choose(0) % 4 === 0 ? point.split('').map(unitEscape).join('') : point
  }
  return `"${out}"`
}

const writeText = (value: JsonValue, choose: (at: number) => number): string => {
  const space = [' ', '', '\n', '\t'][choose(1) % 4] ?? ''
  if (typeof value === 'string') return escapeAll(value, choose)
  if (Array.isArray(value)) return `[${value.map((one) => writeText(one as JsonValue, choose)).join(`${space},`)}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, one]) => `${escapeAll(key, choose)}${space}:${writeText(one, choose)}`,
    )
    return `{${space}${members.join(',')}}`
  }
  return String(value)
}

const string = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !text.includes('\u0000'))
const name = fc.oneof(string, fc.constantFrom('method', 'a', '1', 'constructor', '\\u006d', '"', ':', 'ä'))
const { value: anyValue } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<JsonValue>(null, true, false, 0, 1.5),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    string,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(name, tie('value')), { maxLength: 4 })
      .map((pairs) => Object.fromEntries(pairs.filter(([key]) => key !== '__proto__')) as JsonValue),
  ),
}))

test('reads back every value from every spelling', () => {
  fc.assert(
    fc.property(anyValue, fc.infiniteStream(fc.nat(99)), (value, numbers) => {
      const text = writeText(value, () => numbers.next().value as number)
      assert.deepEqual(parseStrict(text), value)
      assert.deepEqual(parseStrict(Buffer.from(text)), value)
    }),
    cases(2_000),
  )
})

test('agrees with the own parser on damaged texts', () => {
  const verdict = (parse: () => JsonValue): unknown => {
    try {
      return { value: parse() }
    } catch (error) {
      if (!isCredenceError(error)) throw error
      return 'refused'
    }
  }
  const piece = fc.constantFrom(
    '"',
    '\\',
    'u0061',
    ':',
    ',',
    '{',
    '}',
    '[',
    ']',
    '0',
    '-',
    '.',
    'e',
    ' ',
    'true',
    '\u0001',
    '__proto__',
  )
  fc.assert(
    fc.property(
      anyValue,
      fc.nat(),
      fc.nat(3),
      piece,
      fc.infiniteStream(fc.nat(99)),
      (value, where, cut, put, numbers) => {
        const text = writeText(value, () => numbers.next().value as number)
        const at = where % (text.length + 1)
        const damaged = text.slice(0, at) + put + text.slice(at + cut)
        if (/\\u(0000|[dD][89a-fA-F])/.test(damaged) || !damaged.isWellFormed()) return
        assert.deepEqual(
          verdict(() => parseStrict(damaged)),
          verdict(() => parseByOwnRules(damaged, 64)),
          damaged,
        )
      },
    ),
    cases(5_000),
  )
})

test('what somebody gave to every object makes texts refused, never read otherwise', () => {
  Object.defineProperty(Object.prototype, 'planted', { value: 1, enumerable: true, configurable: true })
  try {
    assert.throws(() => parseStrict('{"a":1}'), { code: 'json_key_repeated' })
  } finally {
    delete (Object.prototype as { planted?: number }).planted
  }
  assert.deepEqual(parseStrict('{"a":1}'), { a: 1 })
})

test('quotes behind any number of backslashes end a string or do not', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('\\', '"', 'a', ':', '{'), { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      assert.deepEqual(parseStrict(JSON.stringify({ [`k${text.length}`]: text, b: [text] })), {
        [`k${text.length}`]: text,
        b: [text],
      })
    }),
  )
})
