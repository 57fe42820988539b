import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packJobs, unpackJobs } from './packed.ts'

const value = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary' }),
  fc.double({ noNaN: true }),
  fc.bigInt(),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
)
const statement = fc.record({
  text: fc.nat(),
  expect: fc.integer({ min: -2, max: 3 }),
  parameters: fc.array(value, { maxLength: 6 }),
})
const job = fc
  .record({ statements: fc.array(statement, { maxLength: 4 }), reducesAuthority: fc.boolean() })
  .map(({ statements, reducesAuthority }) => ({
    texts: statements.map(({ text }) => text),
    parameters: statements.map(({ parameters }) => parameters),
    expects: statements.map(({ expect }) => expect),
    reducesAuthority,
  }))

test('what was packed and copied to another thread is what comes out', () => {
  fc.assert(
    fc.property(fc.array(job, { maxLength: 5 }), (jobs) => {
      assert.deepEqual(unpackJobs(structuredClone(packJobs(jobs))), jobs)
    }),
  )
})

test('bytes that are a part of a larger buffer are packed alone', () => {
  const part = new Uint8Array([9, 0, 255, 128, 9]).subarray(1, 4)
  const [one] = unpackJobs(packJobs([{ texts: [1], parameters: [[part]], expects: [1], reducesAuthority: false }]))
  assert.deepEqual(one?.parameters, [[Buffer.from([0, 255, 128])]])
})
