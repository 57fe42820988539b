import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { cases } from '../testing/index.ts'
import { canonicalize, canonicalizeDefined } from './canonical.ts'
import { parseStrict } from './strict.ts'

const vectors = join(import.meta.dirname, '../../../../../shared/vectors/jcs')

test('vectors of RFC 8785', (context) => {
  if (!existsSync(vectors)) {
    if (process.env.CI === 'true') assert.fail(`the vectors are missing: ${vectors}`)
    context.diagnostic(`NOT TESTED: ${vectors} is missing`)
    context.skip('vectors missing')
    return
  }
  const files = readdirSync(join(vectors, 'input'))
  assert.ok(files.length >= 6)
  for (const file of files) {
    const expected = readFileSync(join(vectors, 'output', file), 'utf8').trimEnd()
    const input = readFileSync(join(vectors, 'input', file), 'utf8')
    assert.equal(canonicalize(JSON.parse(input)), expected, file)
  }
})

test('RFC 8785 appendix B: numbers', () => {
  const cases: readonly [string, string][] = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['41b3de4355555553', '333333333.3333332'],
  ]
  for (const [bits, text] of cases) {
    assert.equal(canonicalize(Buffer.from(bits, 'hex').readDoubleBE()), text)
  }
})

test('what JSON cannot say is our own fault', () => {
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  const impossible = [
    undefined,
    { a: undefined },
    [undefined],
    Number.NaN,
    Infinity,
    1n,
    () => 1,
    Symbol('x'),
    '\ud800',
    cycle,
  ]
  for (const value of [...impossible, { '\udc00': 1 }, new Date(0), new Map(), Buffer.from('x'), new Array(1)]) {
    assert.throws(() => canonicalize(value), { kind: 'bug', code: 'canonical_json_impossible' })
  }
})

test('the order of members does not matter, the value is kept, and it is a fixed point', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const clean = JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto'))
      const text = canonicalize(clean)
      assert.deepEqual(JSON.parse(text), clean)
      assert.equal(canonicalize(JSON.parse(text)), text)
      if (typeof clean === 'object' && clean !== null && !Array.isArray(clean)) {
        assert.equal(canonicalize(Object.fromEntries(Object.entries(clean).reverse())), text)
      }
      assert.deepEqual(parseStrict(text), clean)
    }),
    cases(1_000),
  )
})

test('members that are undefined are left out, in order or not; elements never are', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.string(), (value, name) => {
      const clean = JSON.parse(JSON.stringify({ [name]: value }).replaceAll('__proto__', 'proto'))
      const holes = { ...clean, zz: undefined, aa: { b: undefined, a: clean } }
      assert.equal(canonicalizeDefined(holes), canonicalize(JSON.parse(JSON.stringify(holes))))
    }),
    cases(300),
  )
  const own = JSON.parse('{"b":1,"__proto__":{"a":2}}') as object
  assert.equal(canonicalizeDefined({ z: undefined, own }), '{"own":{"__proto__":{"a":2},"b":1}}')
  assert.equal(canonicalizeDefined({ b: 1, a: undefined, 10: 1, 9: { c: undefined } }), '{"10":1,"9":{},"b":1}')
  for (const value of [{ a: [undefined] }, { a: Number.NaN }, { a: () => 1 }, { a: { toJSON: () => 1 } }])
    assert.throws(() => canonicalizeDefined(value), { kind: 'bug' })
})
