/** `npm run demo [-- NAME] [--json] [--browser]`: 0 when every step came out as expected, 1 when one did not. */
import { parseArgs } from 'node:util'
import { hasBrowser, openInBrowser } from '@credence/cli'
import { openStage, type Stage } from '@credence/cli/testing'
import { asksHuman, createHuman, enterOf, type Human, NOBODY } from './human.ts'
import { quickstart } from './quickstart.ts'
import { createReport, type Report, StepFailed } from './report.ts'

export interface Scenario {
  readonly name: string
  readonly about: string
  /** Answers the figures of its last line. */
  run(stage: Stage, report: Report, human: Human): Promise<Readonly<Record<string, number>>>
}

const SCENARIOS: readonly Scenario[] = [quickstart]

const play = async (scenario: Scenario, report: Report, human: Human): Promise<Readonly<Record<string, number>>> => {
  const stage = openStage()
  const interrupted = (): void => {
    void stage.close().finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    return await scenario.run(stage, report, human)
  } catch (error) {
    if (error instanceof StepFailed) return {}
    throw error
  } finally {
    await stage.close()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
}

const USAGE = `npm run demo [-- [NAME] [--json] [--browser | --no-browser]]
  --json        one object for each step, and a last one that counts
  --browser     be asked yourself, in your browser; so it is anyway at a terminal beside a browser
  --no-browser  only watch: the demo goes through the pages itself
`

/** Long enough to find the phone with the passkey; the setup link lives for ten minutes. */
const PATIENCE_MS = 3 * 60_000

interface Wanted {
  readonly scenario: Scenario
  readonly json: boolean
  readonly browser: boolean
  readonly noBrowser: boolean
}

/** What was asked for, or what is wrong with it. */
const wantedOf = (args: readonly string[]): Wanted | string => {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        browser: { type: 'boolean', default: false },
        'no-browser': { type: 'boolean', default: false },
      },
      allowPositionals: true,
    })
    const [name = 'quickstart', ...more] = positionals
    const scenario = SCENARIOS.find((one) => one.name === name)
    if (scenario === undefined || more.length > 0)
      return `There is no scenario "${[name, ...more].join(' ')}". There is: ${SCENARIOS.map((one) => one.name).join(', ')}`
    if (values.browser && values['no-browser']) return 'Either --browser or --no-browser, not both.'
    return { scenario, json: values.json, browser: values.browser, noBrowser: values['no-browser'] }
  } catch (error) {
    return (error as Error).message
  }
}

const humanOf = (wanted: Wanted): Human => {
  const asked = asksHuman({
    ...wanted,
    terminal: process.stdout.isTTY === true,
    ci: process.env.CI !== undefined,
    hasBrowser,
  })
  if (!asked) return NOBODY
  // Standard output belongs to the objects, if they are wanted.
  const out = wanted.json ? process.stderr : process.stdout
  return createHuman({
    open: openInBrowser,
    say: (line) => void out.write(`    ${line}\n`),
    enter: (signal) => enterOf(process.stdin)(signal),
    patienceMs: PATIENCE_MS,
  })
}

const main = async (): Promise<number> => {
  const wanted = wantedOf(process.argv.slice(2))
  if (typeof wanted === 'string') {
    process.stderr.write(`${wanted}\n\n${USAGE}`)
    return 2
  }
  const { scenario, json } = wanted
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const report = createReport(json, write)
  report.say(`${scenario.about}\n`)
  const figures = await play(scenario, report, humanOf(wanted))
  const passed = report.steps.filter(({ ok }) => ok).length
  const failed = report.steps.length - passed
  if (json) write(JSON.stringify({ scenario: scenario.name, steps: report.steps.length, passed, failed, ...figures }))
  else
    write(
      `\n${passed} of ${report.steps.length} steps as expected${Object.entries(figures)
        .map(([figure, value]) => `, ${figure} ${value}`)
        .join('')}`,
    )
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
