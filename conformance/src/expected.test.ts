/** A list of expected failures that can hide nothing. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { judge, readExpected } from './expected.ts'
import { suites } from './suites/index.ts'

const reason = 'a reason that says why it cannot pass'
const whole = { partial: false }

test('what is not listed fails the run, what is listed and fails does not', () => {
  const verdict = judge(
    [
      { name: 'a', ok: true },
      { name: 'b', ok: false },
    ],
    [{ name: 'b', reason }],
    whole,
  )
  assert.deepEqual([verdict.passed, verdict.failed, verdict.problems], [1, 0, []])
  assert.equal(judge([{ name: 'a', ok: false }], [], whole).problems.length, 1)
})

test('what is listed and passes, or was not run, or is nothing at all, fails the run', () => {
  assert.match(judge([{ name: 'a', ok: true }], [{ name: 'a', reason }], whole).problems[0] ?? '', /take it off/)
  assert.equal(judge([{ name: 'a', ok: true }], [{ name: 'b', reason }], whole).problems.length, 1)
  assert.equal(judge([{ name: 'a', ok: true }], [{ name: 'b', reason }], { partial: true }).problems.length, 0)
  assert.equal(judge([], [], whole).problems.length, 1)
})

test('a name that is reported twice passes only if it passes twice', () => {
  const twice = [
    { name: 'a', ok: true },
    { name: 'a', ok: false },
  ]
  assert.equal(judge(twice, [], whole).failed, 1)
  assert.equal(judge(twice.toReversed(), [], whole).failed, 1)
})

test('every list is readable, and an entry without a reason is refused', () => {
  for (const { name } of suites) readExpected(name)
  const folder = mkdtempSync(join(tmpdir(), 'credence-expected-'))
  writeFileSync(join(folder, 'bad.json'), JSON.stringify([{ name: 'a', reason: 'no' }]))
  assert.throws(() => readExpected('bad', pathToFileURL(`${folder}/`)), /needs a name and a reason/)
  rmSync(folder, { recursive: true })
})
