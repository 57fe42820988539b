/** The benches run and print what they promise; how fast things are is not judged here. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { figure } from './figure.ts'
import { rows } from './page.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const bench = (...args: readonly string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })

test('a figure is one JSON object a line, and the exit status says whether its target is met', {
  timeout: 60_000,
}, () => {
  const { status, stdout, stderr } = bench('guard', '--quick', '--json')
  const lines = stdout.trim().split('\n')
  assert.equal(lines.length, 1, stderr)
  const { value, ok, ...said } = JSON.parse(lines[0] ?? '{}') as Record<string, unknown>
  assert.deepEqual(said, { bench: 'guarded-call', figure: 'guard.vs_oauth4webapi', unit: 'x', target: '>= 2' })
  assert.ok(Number(value) > 0)
  assert.equal(status, ok === true ? 0 : 1)
})

test('an unknown name or flag is refused with what there is', () => {
  for (const args of [['nothing'], ['--fast'], ['guard', 'issue']]) {
    const { status, stderr } = bench(...args)
    assert.equal(status, 2)
    assert.match(stderr, /guarded-call/)
  }
})

test('a target is a bound on what is shown', () => {
  assert.equal(figure('a', 1.504, 'x', { most: 1.5 }).ok, true)
  assert.equal(figure('a', 1.506, 'x', { most: 1.5 }).ok, false)
  assert.equal(figure('a', 1.9, 'x', { least: 2 }).ok, false)
  assert.equal(figure('a', Number.NaN, 'x', { least: 2 }).ok, false)
  assert.match(rows([figure('a', 1, 'x', { least: 2 })]).join('\n'), /\| a +\| 1 x +\| >= 2 +\| NO +\|/)
})

test('the ceiling can be read by anybody', () => {
  const lines = readFileSync(new URL('ceiling.ts', import.meta.url), 'utf8').split('\n').length
  assert.ok(lines < 80, `${lines} lines`)
})
