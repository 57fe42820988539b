/**
 * The shadow check of a running domain: a sample of its decisions is asked again of cedar-wasm, and a difference is heard
 * by whoever reads the log, watches the metrics or the ledger.
 */
import { hash } from 'node:crypto'
import type { NewAlert } from '@credence/audit'
import type { Random } from '@credence/kit'
import type { Logger, Metrics } from '@credence/kit/telemetry'
import {
  createShadowCheck,
  isAuthorityAction,
  type Said,
  type ShadowCheck,
  type ShadowDifference,
} from '@credence/policy'
import { hasDefaultMapping } from '@credence/protocol/coaz'

export interface ShadowDeps {
  readonly random: Random
  readonly log: Logger
  /** Where an alert is recorded. */
  readonly alert: (alert: NewAlert) => void
}

/** One that stands for all of its kind is enough in the log and the ledger: the counter counts each. */
const PAIRS = 100
/** Versions whose differences are remembered: a late answer of the last one does not begin anew. */
const VERSIONS = 4

const words = ({ allow, reasons, errors }: Said): string =>
  [allow ? 'allow' : 'deny', ...reasons, ...errors.map((error) => `failed ${error}`)].join(', ')

type Uid = ShadowDifference['principal']

/** Ids of our own making, and names that we define. */
const OURS: Readonly<Record<string, (id: string) => boolean>> = {
  Agent: (id) => /^agt_[\w-]{22}$/.test(id),
  Person: (id) => /^usr_[\w-]{22}$/.test(id),
  Authority: (id) => id === 'authority',
  Action: (id) => isAuthorityAction(id) || hasDefaultMapping(id),
}

/**
 * INVARIANT: whoever asks about entities chooses their ids, which may say anything about anybody: such an id stands in log and
 * ledger as a hash, and of a type that is not ours the type too.
 */
const entity = ({ type, id }: Uid): string => {
  const ours = Object.hasOwn(OURS, type) ? OURS[type] : undefined
  if (ours?.(id) === true) return `${type}::${JSON.stringify(id)}`
  const digest = hash('sha256', JSON.stringify([type, id]), 'base64url')
  return `${KINDS.has(type) ? type : 'other'}::sha256:${digest}`
}
const KINDS: ReadonlySet<string> = new Set([...Object.keys(OURS), 'Tool', 'Server', 'Client'])

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

/** Says a difference once for each version and pair of answers: both are made of our policies alone, so that nobody who asks uses them up. */
export const shadowAlarm = ({ log, alert }: Pick<ShadowDeps, 'log' | 'alert'>) => {
  const versions = new Map<string, Set<string>>()
  const saidOf = (version: string): Set<string> => {
    const said = versions.get(version) ?? new Set<string>()
    versions.set(version, said)
    if (versions.size > VERSIONS) versions.delete(versions.keys().next().value ?? '')
    return said
  }
  return (difference: ShadowDifference): void => {
    const facts = factsOf(difference)
    const said = saidOf(difference.version)
    const pair = JSON.stringify([facts.view, facts.ours, facts.theirs])
    if (said.has(pair) || said.size >= PAIRS) return
    said.add(pair)
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
