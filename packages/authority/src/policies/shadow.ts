/**
 * The shadow check of a running domain: a sample of its decisions is asked again of cedar-wasm, and a difference is heard
 * by whoever reads the log, watches the metrics or the ledger.
 */
import type { NewAlert } from '@credence/audit'
import type { Random } from '@credence/kit'
import type { Logger, Metrics } from '@credence/kit/telemetry'
import { createShadowCheck, type Said, type ShadowCheck, type ShadowDifference } from '@credence/policy'

export interface ShadowDeps {
  readonly random: Random
  readonly log: Logger
  /** Where an alert is recorded. */
  readonly alert: (alert: NewAlert) => void
}

/** One that stands for all of its kind is enough in the log and the ledger: the counter counts each. */
const REMEMBERED = 1_000

const words = ({ allow, reasons, errors }: Said): string =>
  [allow ? 'allow' : 'deny', ...reasons, ...errors.map((error) => `failed ${error}`)].join(', ')

const entity = ({ type, id }: ShadowDifference['principal']): string => `${type}::${JSON.stringify(id)}`

const factsOf = (difference: ShadowDifference): NonNullable<NewAlert['facts']> => ({
  version: difference.version,
  view: difference.view,
  principal: entity(difference.principal),
  action: entity(difference.action),
  resource: entity(difference.resource),
  ours: words(difference.ours),
  theirs: words(difference.theirs),
})

const CODE = 'policy_engines_disagree'
const REASON =
  'The compiled policies and cedar-wasm answered one question differently: one of the two engines is wrong. The decision stands as it was made.'

/** Says a difference once for each version, action and pair of answers. */
export const shadowAlarm = ({ log, alert }: Pick<ShadowDeps, 'log' | 'alert'>) => {
  const said = new Set<string>()
  return (difference: ShadowDifference): void => {
    const facts = factsOf(difference)
    const kind = [facts.version, facts.action, facts.ours, facts.theirs].join('\n')
    if (said.has(kind) || said.size >= REMEMBERED) return
    said.add(kind)
    log.error(CODE, facts)
    alert({ kind: 'alert', code: CODE, reason: REASON, facts })
  }
}

/** `oneIn` 0: none. Nothing is started before the first sample. */
export const openShadow = (oneIn: number, deps: ShadowDeps): ShadowCheck | undefined =>
  oneIn === 0
    ? undefined
    : createShadowCheck({
        oneIn,
        random: deps.random,
        onDifference: shadowAlarm(deps),
        onError: (error) => deps.log.warn('shadow_check_failed', { detail: String(error) }),
      })

export const watchShadow = (metrics: Metrics, shadow: ShadowCheck): void => {
  const checks = metrics.gauge('credence_shadow_checks', 'Decisions asked again of cedar-wasm, by what came of it')
  metrics.collect(() => {
    const { checked, different, declined, dropped } = shadow.counts
    checks.set(checked - different, { result: 'same' })
    checks.set(different, { result: 'different' })
    checks.set(declined, { result: 'declined' })
    checks.set(dropped, { result: 'dropped' })
  })
}
