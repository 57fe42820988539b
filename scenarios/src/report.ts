/** What a scenario tells: a line or an object for each step, and a last one that counts. */

export interface Step {
  readonly step: string
  readonly expected: string
  readonly observed: string
  readonly ok: boolean
}

export interface Observed {
  readonly ok: boolean
  readonly observed: string
}

export interface Report {
  /** Runs one step and tells what came of it. A throw is a failed step; what follows then stops. */
  step(name: string, expected: string, run: () => Promise<Observed>): Promise<void>
  /** A line for people only. */
  say(line: string): void
  readonly steps: readonly Step[]
}

/** Ends the run after a step without which the next ones mean nothing. */
export class StepFailed extends Error {}

export const createReport = (json: boolean, write: (line: string) => void): Report => {
  const steps: Step[] = []
  const tell = (step: Step): void => {
    steps.push(step)
    if (json) write(JSON.stringify(step))
    else
      write(
        `${step.ok ? 'ok ' : 'NOT OK '} ${step.step}: ${step.observed}${step.ok ? '' : `\n        expected: ${step.expected}`}`,
      )
  }
  return {
    steps,
    say: (line) => {
      if (!json) write(line)
    },
    step: async (name, expected, run) => {
      try {
        const { ok, observed } = await run()
        tell({ step: name, expected, observed, ok })
      } catch (error) {
        tell({ step: name, expected, observed: error instanceof Error ? error.message : String(error), ok: false })
        throw new StepFailed(name, { cause: error })
      }
    },
  }
}
