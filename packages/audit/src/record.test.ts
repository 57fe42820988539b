import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import type { IntentRecord, LedgerRecord } from '@credence/model'
import fc from 'fast-check'
import { fitIntent, tameIntent } from './fit.ts'
import { commit, decodeRecord, encodeRecord, looksLikeSecret, newSalt, opens } from './index.ts'
import { recordText } from './record-text.ts'
import { mayHoldSecret } from './secrets.ts'
import { DOMAIN, newIntent, random } from './testing/fixtures.ts'

const intent = (more: Partial<IntentRecord> = {}): IntentRecord => ({
  v: 1,
  id: newId('rec', random),
  domain: DOMAIN,
  at: 1,
  emitter: 'a#b',
  seq: 1,
  ...newIntent(),
  ...more,
})

test('a record survives its bytes, and has one form only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.string({ maxLength: 60 }), (name, reason) => {
      if (looksLikeSecret(name) || looksLikeSecret(reason)) return
      const record = intent({ name, decision: { id: 'd', policies: [], version: 'v', reason } })
      assert.deepEqual(decodeRecord(encodeRecord(record)), record)
    }),
  )
  const text = Buffer.from(encodeRecord(intent())).toString('utf8')
  for (const other of [
    ` ${text}`,
    text.replace('"at":1', '"at":1.0'),
    text.replace('{', '{"at":2,'),
    text.slice(0, -1),
  ]) {
    assert.throws(() => decodeRecord(Buffer.from(other)), { kind: 'refused' }, other.slice(0, 30))
  }
})

test('more than 4 KiB is refused, both ways', () => {
  assert.throws(() => encodeRecord(intent({ facts: { x: ['y'.repeat(250), ...Array(20).fill('z'.repeat(250))] } })), {
    code: 'record_too_large',
  })
  assert.throws(() => decodeRecord(Buffer.alloc(4_097, 0x20)), { code: 'record_too_large' })
})

test('what could be presented somewhere is a secret; hashes and ids are not', () => {
  const secrets = [
    'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln',
    'Authorization: Bearer abcdefghijklmnop',
    '-----BEGIN PRIVATE KEY-----',
    `ghp_${'a'.repeat(36)}`,
    'AKIAIOSFODNN7EXAMPLE',
    'client_secret=hunter22',
    '{"kty":"EC","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}',
  ]
  for (const secret of secrets) {
    assert.ok(looksLikeSecret(secret), secret)
    assert.throws(() => encodeRecord(intent({ facts: { note: secret } })), { code: 'record_has_secret' })
    assert.throws(() => encodeRecord(intent({ facts: { [secret.slice(0, 60)]: [secret] } })), {
      code: 'record_has_secret',
    })
  }
  const word = fc.constantFrom(...secrets, ' ', '"', '\n', '\\', 'd', ':')
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 6 }), (words) => {
      const text = words.join('')
      if (looksLikeSecret(text)) assert.ok(mayHoldSecret(canonicalize({ text })), text)
    }),
  )
  const harmless = [
    '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    newId('grt', random),
    'http://127.0.0.1:7421/mcp/files',
    'Readers may read.',
  ]
  for (const text of harmless) assert.ok(!looksLikeSecret(text), text)
})

test('a commitment opens with its salt and value only', () => {
  const salt = newSalt(random)
  const commitment = commit(salt, { path: '/etc', n: 1 })
  assert.equal(commitment, commit(salt, { n: 1, path: '/etc' }))
  assert.ok(opens(commitment, salt, { path: '/etc', n: 1 }))
  assert.ok(!opens(commitment, salt, { path: '/etc', n: 2 }))
  assert.ok(!opens(commitment, newSalt(random), { path: '/etc', n: 1 }))
  assert.throws(() => commit(new Uint8Array(8), 1), { kind: 'bug' })
})

const texts = fc.string({ unit: 'grapheme', maxLength: 700 })
const anyFacts = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.oneof(texts, fc.integer(), fc.array(texts, { maxLength: 90 })),
)

test('what is written can be read, whatever somebody put into a name: it is cut, refused, or (once done) withheld', () => {
  fc.assert(
    fc.property(texts, texts, texts, anyFacts, (name, client, trace, facts) => {
      for (const [fit, must] of [
        [fitIntent, false],
        [tameIntent, true],
      ] as const) {
        const entry = fit(newIntent({ name, client, trace, facts }))
        let bytes: Uint8Array
        try {
          bytes = encodeRecord(intent(entry))
        } catch (error) {
          assert.equal(must, false, String(error))
          continue
        }
        decodeRecord(bytes)
      }
    }),
  )
})

test('an id that is too long to be read back is refused, not cut', () => {
  for (const more of [{ jti: 'j'.repeat(129) }, { grant: 'g'.repeat(65) }, { client: 'c'.repeat(2049) }])
    assert.throws(() => encodeRecord(intent(more)), { code: 'record_too_large' })
})

const someText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('\\ud800', '"', 'a\u2028b', 'é'),
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const someActor = fc.record({ sub: someText, owner: maybe(someText), iss: someText, agent: maybe(someText) })
const someAnswer = fc.record({ version: someText, request: someText, point: someText, effect: someText })
const someDecision = fc.record({
  version: someText,
  policies: fc.array(someText),
  reason: someText,
  id: someText,
  by: maybe(fc.array(someAnswer)),
  observed: maybe(someText),
  untrusted: maybe(fc.constant(true)),
  obligations: maybe(fc.array(someText)),
  errors: maybe(fc.array(someText)),
})

test('the text of a record is the canonical one, whatever its members are and in whatever order they came', () => {
  const someParty = fc.record({ sub: someText, iss: someText })
  const number = fc.integer({ min: 0 })
  const someName = fc.oneof(someText, fc.constantFrom('10', '9', '1', 'a', '__proto__'))
  const head = { v: fc.constant(1), id: someText, seq: number, emitter: someText, at: number, domain: someText }
  const kinds = [
    { kind: fc.constant('intent'), ...head, name: someText, actors: fc.array(someActor), subject: someParty },
    {
      kind: fc.constant('outcome'),
      ms: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      ...head,
      code: maybe(someText),
    },
    { kind: fc.constant('refusal'), ...head, decision: maybe(someDecision), actors: maybe(fc.array(someActor)) },
    { kind: fc.constant('epoch'), ...head, epoch: number, reason: someText },
    { kind: fc.constant('reduction'), ...head, keys: fc.array(someText), by: someParty, feed: number },
    { kind: fc.constant('alert'), ...head, code: someText, reason: someText },
    {
      kind: fc.constant('intent'),
      ...head,
      facts: fc.dictionary(someName, fc.oneof(someText, number, fc.array(someText))),
    },
  ].map((members) => fc.record(members as Record<string, fc.Arbitrary<unknown>>))
  fc.assert(
    fc.property(fc.oneof(...kinds), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value))
      assert.equal(recordText(value as unknown as LedgerRecord), canonicalize(plain))
    }),
  )
})

test('a fact that is none by its type is in canonical order all the same', () => {
  const text = recordText({ kind: 'intent', facts: { a: { c: 1, b: 2 } } } as unknown as LedgerRecord)
  assert.equal(text, '{"facts":{"a":{"b":2,"c":1}},"kind":"intent"}')
})

test('what JSON cannot say is not written as something else', () => {
  for (const more of [
    { at: Number.NaN },
    { facts: { a: Number.NaN } },
    { facts: { a: [Number.NaN] as never } },
    { facts: { a: [undefined] as never } },
    { facts: { a: { toJSON: () => 'something else' } as never } },
    { deadline: Number.POSITIVE_INFINITY },
    { name: '\ud800' },
  ])
    assert.throws(() => encodeRecord(intent(more)), { kind: 'bug' })
})
