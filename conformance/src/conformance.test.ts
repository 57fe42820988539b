/** The outside suites inside the tests: whole where they are quick, a representative part of the long one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSuite } from './main.ts'
import { suites } from './suites/index.ts'
import { haveVectors } from './vectors.ts'

const VECTORS = new Set(['wycheproof', 'jcs', 'merkle', 'authzen'])

// The Inspector takes its time to start, four times over; `npm run conformance` runs it.
for (const suite of suites.filter(({ name }) => name !== 'inspector')) {
  // In CI a suite without its vectors fails by itself.
  const missing = VECTORS.has(suite.name) && !haveVectors() && process.env.CI !== 'true'
  test(`${suite.name}: ${suite.about}`, { skip: missing ? 'vectors missing' : false, timeout: 170_000 }, async () => {
    const verdict = await runSuite(suite, { json: true, quick: true })
    assert.deepEqual(verdict.problems, [])
    assert.ok(verdict.passed > 0)
  })
}
