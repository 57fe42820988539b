import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readLines, TOO_LONG } from './lines.ts'

const linesOf = async (pieces: readonly Uint8Array[], maxBytes: number) => {
  async function* input() {
    yield* pieces
  }
  const lines: (string | undefined)[] = []
  for await (const line of readLines(input(), maxBytes))
    lines.push(line === TOO_LONG ? undefined : Buffer.from(line).toString('latin1'))
  return lines
}

test('any cutting gives the same lines; what is too long is told, not held', async () => {
  const text = fc.array(fc.constantFrom('a', 'bb', '\n', '\r', '\n\n', 'cccccc')).map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40)), async (whole, cuts) => {
      const bytes = Buffer.from(whole)
      const places = [...cuts.filter((at) => at < bytes.length), bytes.length].sort((a, b) => a - b)
      const pieces = places.map((to, at) => bytes.subarray(places[at - 1] ?? 0, to))
      const expected = whole.split('\n').map((line) => (line.length <= 5 ? line : undefined))
      if (expected.at(-1) === '') expected.pop()
      assert.deepEqual(await linesOf(pieces, 5), expected)
    }),
    { numRuns: 1000 },
  )
})
