import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases } from '@credence/kit/testing'
import fc from 'fast-check'
import { agree } from './testing/fuzz/agree.ts'
import { QUESTIONS, someCase } from './testing/fuzz/cases.ts'
import { generated } from './testing/fuzz/choice.ts'
import { Coverage } from './testing/fuzz/coverage.ts'

const CASES = 20_000

test('the compiler and cedar-wasm agree on decision, determining policies, failing policies and kinds of failure', async (t) => {
  const { numRuns, ...seed } = cases(CASES)
  const coverage = new Coverage()
  await fc.assert(
    fc.asyncProperty(generated(someCase), (fuzz) => agree(fuzz, coverage)),
    // NOTE: what fails is printed as it is; making it smaller takes longer than the run.
    { numRuns: Math.ceil(numRuns / QUESTIONS), endOnFailure: true, ...seed },
  )
  for (const line of coverage.lines()) t.diagnostic(line)
  assert.deepEqual(coverage.missing(), [], 'never reached')
})
