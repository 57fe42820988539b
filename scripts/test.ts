/**
 * All checks and tests. `npm test`, or `npm test -- PATTERN` for some files. The last line is `N passed, N failed`.
 * Runs on the pinned Node of the project; `--this-node` stays on the one that started it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectFiles } from './checks/source.ts'

const ROOT = join(import.meta.dirname, '..')
const PINNED = join(ROOT, 'node_modules/.bin/node')

interface Counted {
  readonly counts: Readonly<Record<string, number>>
  readonly skipped: readonly string[]
}

/** `*.slow.test.ts` runs by its own command. */
export const testFiles = (files: readonly string[], patterns: readonly string[]): string[] =>
  files
    .filter(
      (path) =>
        /^(?:packages|scripts|scenarios|conformance|bench)\/.*\.test\.ts$/.test(path) &&
        !path.endsWith('.slow.test.ts'),
    )
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))

/** In CI nothing is skipped, except what does not exist on this platform: those reasons start with `platform:`. */
export const unexcused = (skipped: readonly string[], ci: boolean): string[] =>
  ci ? skipped.filter((one) => !/: platform:/.test(one)) : []

export const closingLine = (passed: number, failed: number, skipped: number): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

const runTests = (files: readonly string[]): { status: number; counted: Counted } => {
  const folder = mkdtempSync(join(tmpdir(), 'credence-test-'))
  const report = join(folder, 'counts.json')
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout']
  const counting = [
    `--test-reporter=${join(ROOT, 'scripts/count-reporter.ts')}`,
    `--test-reporter-destination=${report}`,
  ]
  const limits = ['--test-concurrency=2', '--test-timeout=180000']
  try {
    const args = ['--test', ...limits, ...reporters, ...counting, ...files]
    const { status } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const text = existsSync(report) ? readFileSync(report, 'utf8') : ''
    const counted = text === '' ? { counts: { failed: 1 }, skipped: [] } : (JSON.parse(text) as Counted)
    return { status: status ?? 1, counted }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const checkFirst = async (): Promise<{ passed: number; failed: number }> => {
  const { runChecks } = await import('./check.ts')
  return runChecks()
}

const main = async (args: readonly string[]): Promise<number> => {
  const patterns = args.filter((one) => !one.startsWith('--'))
  const files = testFiles(projectFiles(ROOT), patterns)
  const checked = patterns.length === 0 && !args.includes('--no-check') ? await checkFirst() : { passed: 0, failed: 0 }
  if (files.length === 0) console.log('no test file fits')
  const { status, counted } = files.length === 0 ? { status: 1, counted: { counts: {}, skipped: [] } } : runTests(files)
  const { counts, skipped } = counted
  const excess = unexcused(skipped, process.env.CI === 'true')
  for (const one of excess) console.log(`skipped, which CI does not allow: ${one}`)
  const failed = (counts.failed ?? 0) + (counts.cancelled ?? 0) + checked.failed + excess.length
  const reported = status !== 0 && failed === 0 ? 1 : failed
  console.log(closingLine((counts.passed ?? 0) + checked.passed, reported, skipped.length))
  return reported === 0 ? 0 : 1
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  const args = process.argv.slice(2)
  const here = realpathSync(process.execPath)
  if (!args.includes('--this-node') && existsSync(PINNED) && realpathSync(PINNED) !== here) {
    const again = spawnSync(PINNED, [import.meta.filename, ...args, '--this-node'], { stdio: 'inherit' })
    process.exitCode = again.status ?? 1
  } else process.exitCode = await main(args)
}
