/** `npm run conformance [-- NAME…] [--json] [--quick]`: outside suites and vectors against what is built here. */
import { parseArgs } from 'node:util'
import { judge, readExpected, type Verdict } from './expected.ts'
import type { Check, Suite } from './suite.ts'
import { suites } from './suites/index.ts'

interface Options {
  readonly json: boolean
  readonly quick: boolean
}

const line = (check: Check, excused: boolean): string =>
  `${check.ok ? 'ok      ' : excused ? 'expected' : 'FAILED  '} ${check.name}`

export const runSuite = async (suite: Suite, options: Options): Promise<Verdict> => {
  const listed = readExpected(suite.name)
  const excused = new Set(listed.map(({ name }) => name))
  const checks: Check[] = []
  await suite.run(
    (check) => {
      checks.push(check)
      if (!options.json) console.log(line(check, excused.has(check.name)))
    },
    { quick: options.quick },
  )
  return judge(checks, listed, { partial: options.quick && suite.long === true })
}

const show = (suite: Suite, { passed, failed, expectedFailures, problems }: Verdict, { json }: Options): void => {
  for (const problem of problems) console.error(`${suite.name}: ${problem}`)
  if (json) {
    console.log(JSON.stringify({ suite: suite.name, passed, failed, expected_failures: expectedFailures }))
    return
  }
  for (const { name, reason } of expectedFailures) console.log(`expected: ${name}: ${reason}`)
  console.log(`${suite.name}: ${passed} passed, ${failed} failed, ${expectedFailures.length} expected failures`)
}

const usage = (): string =>
  [
    'npm run conformance [-- NAME…] [--json] [--quick]',
    ...suites.map(({ name, about }) => `  ${name.padEnd(16)}${about}`),
  ].join('\n')

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name))
  if (values.help === true || unknown.length > 0) {
    for (const name of unknown) console.error(`There is no suite "${name}".`)
    console.log(usage())
    return unknown.length > 0 ? 2 : 0
  }
  const options = { json: values.json === true, quick: values.quick === true }
  const chosen = positionals.length === 0 ? suites : suites.filter(({ name }) => positionals.includes(name))
  let problems = 0
  for (const suite of chosen) {
    const verdict = await runSuite(suite, options)
    show(suite, verdict, options)
    problems += verdict.problems.length
  }
  return problems === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
