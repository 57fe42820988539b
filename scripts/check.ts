/** All static checks. `npm run check`; with `--init-ratchets` it writes the ratchets that do not exist yet. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkAmbient } from './checks/ambient.ts'
import { checkIncludes, checkLinks, fillIncludes } from './checks/documents.ts'
import { checkEdges, type Manifest } from './checks/edges.ts'
import { LONG, longFunctions, NEVER } from './checks/functions.ts'
import { checkLeaks, checkLock } from './checks/leaks.ts'
import { judgeRatchet, readEarlier, readList } from './checks/ratchet.ts'
import { coveredBy, routesOf, uncovered } from './checks/routes.ts'
import { type Finding, isTypeScript, projectFiles, readSources, type Source } from './checks/source.ts'
import { checkStageCasts } from './checks/stage-casts.ts'

const ROOT = join(import.meta.dirname, '..')
const INIT = process.argv.includes('--init-ratchets')
const WRITE_DOCUMENTS = process.argv.includes('--write-documents')
const TEXT = /\.(?:ts|js|mjs|cjs|json|md|yml|yaml|sh|html|css|cedar|cedarschema|txt)$|^\.ci\/|^[^/.]+$/
/** Generated or not ours to word. */
const NOT_OURS = /^(?:package-lock\.json|LICENSE|conformance\/vectors\/)/

const command = (program: string, ...args: string[]): Finding[] => {
  const result = spawnSync(join(ROOT, 'node_modules/.bin', program), args, { cwd: ROOT, encoding: 'utf8' })
  if (result.status === 0) return []
  return [{ where: program, what: `\n${result.stdout}${result.stderr}${result.error ?? ''}`.trimEnd() }]
}

const manifestsOf = (files: readonly string[]): Record<string, Manifest> =>
  Object.fromEntries(
    files
      .filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))
      .map((path) => [path.split('/')[1] as string, JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest]),
  )

const ratchet = (name: string, present: readonly string[], shrink: string): Finding[] => {
  const file = join(ROOT, 'ratchets', `${name}.json`)
  if (INIT && !existsSync(file)) {
    mkdirSync(join(ROOT, 'ratchets'), { recursive: true })
    writeFileSync(file, `${JSON.stringify([...new Set(present)].sort(), null, 2)}\n`)
  }
  return judgeRatchet({ name, shrink, present, listed: readList(ROOT, name), earlier: readEarlier(ROOT, name) })
}

const functionLengths = (sources: readonly Source[]): Finding[] => {
  const long = longFunctions(sources)
  const never = long
    .filter(({ lines }) => lines > NEVER)
    .map(({ id, lines }) => ({ where: id, what: `${lines} lines; none may be over ${NEVER}` }))
  const shrink = `Split it into named steps of at most ${LONG} lines.`
  return [
    ...never,
    ...ratchet(
      'long-functions',
      long.map(({ id }) => id),
      shrink,
    ),
  ]
}

const refusedCallers = (sources: readonly Source[]): Finding[] => {
  const { routes, findings } = routesOf(sources)
  const tests = coveredBy('refusedCaller', sources)
  const result = uncovered(
    routes.filter(({ access }) => access !== 'public'),
    tests.covered,
  )
  const shrink = 'Write a test with refusedCaller() of @credence/kit/testing (docs/tasks/add-a-route.md).'
  return [
    ...findings,
    ...tests.findings,
    ...result.findings,
    ...ratchet('routes-without-refused-caller', result.missing, shrink),
  ]
}

const openedIntents = (sources: readonly Source[]): Finding[] => {
  const { routes } = routesOf(sources)
  const tests = coveredBy('opensIntent', sources)
  const result = uncovered(
    routes.filter(({ consequential }) => consequential),
    tests.covered,
  )
  const shrink =
    'Lead it through the pipeline and show it with opensIntent() of @credence/kit/testing (docs/tasks/add-a-route.md).'
  return [...tests.findings, ...result.findings, ...ratchet('routes-without-intent', result.missing, shrink)]
}

const documents = (texts: readonly Source[]): Finding[] => {
  const pages = texts.filter(({ path }) => path.endsWith('.md'))
  const read = (path: string): string | undefined => texts.find((source) => source.path === path)?.text
  if (WRITE_DOCUMENTS) for (const { path, text } of pages) writeFileSync(join(ROOT, path), fillIncludes(text, read))
  return [
    ...(WRITE_DOCUMENTS ? [] : checkIncludes(pages, read)),
    ...checkLinks(pages, (path) => existsSync(join(ROOT, path))),
  ]
}

interface Check {
  readonly name: string
  readonly run: () => Finding[]
}

const checks = (): Check[] => {
  const files = projectFiles(ROOT)
  const texts = readSources(
    ROOT,
    files.filter((path) => TEXT.test(path) && !NOT_OURS.test(path)),
  )
  const sources = texts.filter(({ path }) => isTypeScript(path))
  return [
    { name: 'types', run: () => command('tsc', '-b') },
    {
      name: 'format and lint',
      run: () => command('biome', 'check', '--diagnostic-level=error', '--max-diagnostics=40'),
    },
    { name: 'edges between packages', run: () => checkEdges(sources, manifestsOf(files)) },
    { name: 'no ambient clock, randomness or fetch', run: () => checkAmbient(sources) },
    { name: 'no casts to stages', run: () => checkStageCasts(sources) },
    { name: 'nothing leaks', run: () => checkLeaks(texts) },
    { name: 'documents', run: () => documents(texts) },
    { name: 'lock file', run: () => checkLock(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) },
    { name: 'length of functions', run: () => functionLengths(sources) },
    { name: 'routes refuse', run: () => refusedCallers(sources) },
    { name: 'routes record', run: () => openedIntents(sources) },
  ]
}

const attempt = (check: Check): Finding[] => {
  try {
    return check.run()
  } catch (error) {
    return [{ where: check.name, what: `the check itself failed: ${(error as Error).stack}` }]
  }
}

/** Runs every check, whatever the others say. */
export const runChecks = (print: (line: string) => void = console.log): { passed: number; failed: number } => {
  const result = { passed: 0, failed: 0 }
  for (const check of checks()) {
    const started = performance.now()
    const findings = attempt(check)
    const seconds = ((performance.now() - started) / 1_000).toFixed(1)
    result[findings.length === 0 ? 'passed' : 'failed'] += 1
    print(`${findings.length === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`)
    for (const { where, what } of findings) print(`     ${where}: ${what}`)
  }
  return result
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  const { passed, failed } = runChecks()
  console.log(`${passed} checks passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
