/** `npm run demo [-- NAME] [--json]`: 0 when every step came out as expected, 1 when one did not. */
import { parseArgs } from 'node:util'
import { openStage, type Stage } from '@credence/cli/testing'
import { quickstart } from './quickstart.ts'
import { createReport, type Report, StepFailed } from './report.ts'

export interface Scenario {
  readonly name: string
  readonly about: string
  /** Answers the figures of its last line. */
  run(stage: Stage, report: Report): Promise<Readonly<Record<string, number>>>
}

const SCENARIOS: readonly Scenario[] = [quickstart]

const play = async (scenario: Scenario, report: Report): Promise<Readonly<Record<string, number>>> => {
  const stage = openStage()
  const interrupted = (): void => {
    void stage.close().finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    return await scenario.run(stage, report)
  } catch (error) {
    if (error instanceof StepFailed) return {}
    throw error
  } finally {
    await stage.close()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
}

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const [name = 'quickstart'] = positionals
  const scenario = SCENARIOS.find((one) => one.name === name)
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  if (scenario === undefined) {
    process.stderr.write(`There is no scenario "${name}". There is: ${SCENARIOS.map((one) => one.name).join(', ')}\n`)
    return 2
  }
  const report = createReport(values.json, write)
  report.say(`${scenario.about}\n`)
  const figures = await play(scenario, report)
  const passed = report.steps.filter(({ ok }) => ok).length
  const failed = report.steps.length - passed
  if (values.json) write(JSON.stringify({ scenario: name, steps: report.steps.length, passed, failed, ...figures }))
  else
    write(
      `\n${passed} of ${report.steps.length} steps as expected${Object.entries(figures)
        .map(([figure, value]) => `, ${figure} ${value}`)
        .join('')}`,
    )
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
