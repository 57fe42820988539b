/** Counts what goes to a recorder. Codes and methods are bounded: refused callers choose neither. */
import type { Metrics, Tracing } from '@credence/kit/telemetry'
import type { Recorder } from './ports.ts'

/** The same recorder, with counters of intents, outcomes and refusals, and a span around every durable write. */
export const meteredRecorder = <Kind extends Recorder>(recorder: Kind, metrics: Metrics, tracing?: Tracing): Kind => {
  const intents = metrics.counter('credence_intents_total', 'Intents that became durable, by method')
  const outcomes = metrics.counter('credence_outcomes_total', 'Outcomes, by status')
  const refusals = metrics.counter('credence_refusals_total', 'Refusals that were recorded, by code')
  const counted: Recorder = {
    intent: (record) => {
      const durable = tracing?.span('record intent', {}, () => recorder.intent(record)) ?? recorder.intent(record)
      return durable.then((receipt) => {
        intents.add(1, { method: record.method })
        return receipt
      })
    },
    outcome: (record) => {
      outcomes.add(1, { status: record.status })
      recorder.outcome(record)
    },
    refusal: (record) => {
      refusals.add(1, { code: record.code })
      recorder.refusal(record)
    },
  }
  return { ...recorder, ...counted }
}
