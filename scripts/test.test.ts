import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { closingLine, testFiles, unexcused } from './test.ts'

test('the closing line', () => {
  assert.equal(closingLine(3, 0, 0), '3 passed, 0 failed')
  assert.equal(closingLine(3, 1, 2), '3 passed, 1 failed, 2 skipped')
})

test('which files are tests', () => {
  const files = [
    'packages/a/src/x.test.ts',
    'packages/a/src/x.ts',
    'scenarios/src/y.test.ts',
    'conformance/z.slow.test.ts',
    'docs/q.test.ts',
  ]
  assert.deepEqual(testFiles(files, []), ['packages/a/src/x.test.ts', 'scenarios/src/y.test.ts'])
  assert.deepEqual(testFiles(files, ['scenarios']), ['scenarios/src/y.test.ts'])
})

test('what is skipped in CI fails, except what the platform lacks', () => {
  assert.deepEqual(unexcused(['a: no database', 'b: platform: no sandbox'], true), ['a: no database'])
  assert.deepEqual(unexcused(['a: no database'], false), [])
})

test('the reporter counts passes, failures and skips of a real run', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'credence-reporter-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'sample.test.mjs')
  writeFileSync(
    file,
    `import { test, describe } from 'node:test'
    test('good', () => {})
    describe('group', () => { test('bad', () => { throw new Error('no') }) })
    test('later', (t) => t.skip('no database'))`,
  )
  const reporter = join(import.meta.dirname, 'count-reporter.ts')
  const { NODE_TEST_CONTEXT: _inherited, ...env } = process.env
  const { stdout, status } = spawnSync(process.execPath, ['--test', `--test-reporter=${reporter}`, file], {
    encoding: 'utf8',
    env,
  })
  const { counts, skipped } = JSON.parse(stdout)
  assert.equal(status, 1)
  assert.deepEqual([counts.passed, counts.failed, counts.skipped], [1, 1, 1])
  assert.deepEqual(skipped, ['later: no database'])
})
