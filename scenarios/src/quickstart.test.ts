import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

const MAIN = join(import.meta.dirname, 'main.ts')

interface Played {
  readonly code: number | null
  readonly lines: readonly Record<string, unknown>[]
  readonly stderr: string
}

const play = (temporary: string, ...argv: string[]): Promise<Played> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, TMPDIR: temporary }
    const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'], env })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const texts = stdout.trim().split('\n')
      resolve({ code, stderr, lines: texts.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : [])) })
    })
  })

describe('npm run demo', () => {
  test('every step comes out as expected, twice at the same time, and nothing is left', {
    timeout: 170_000,
  }, async (t) => {
    // A folder of their own: what others leave in the common one says nothing here.
    const temporary = mkdtempSync(join(tmpdir(), 'demo-'))
    t.after(() => rmSync(temporary, { recursive: true, force: true }))
    const both = await Promise.all([play(temporary, '--json'), play(temporary, 'quickstart', '--json')])
    for (const { code, lines, stderr } of both) {
      const steps = lines.slice(0, -1)
      const last = lines.at(-1)
      assert.equal(code, 0, JSON.stringify(steps.filter(({ ok }) => ok !== true)) + stderr)
      assert.ok(steps.length >= 15)
      for (const step of steps) assert.deepEqual(Object.keys(step).sort(), ['expected', 'observed', 'ok', 'step'])
      assert.equal(last?.scenario, 'quickstart')
      assert.deepEqual([last?.steps, last?.passed, last?.failed], [steps.length, steps.length, 0])
      assert.ok(typeof last?.revoke_to_refuse_ms === 'number' && last.revoke_to_refuse_ms < 1_000)
    }
    assert.deepEqual(readdirSync(temporary), [])
  })

  test('a scenario that is not there is a usage error', async () => {
    assert.equal((await play(tmpdir(), 'nonsense')).code, 2)
  })
})
