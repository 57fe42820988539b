/** How the authority is: for its status page, its metrics and whoever asks whether it is ready. */
import { type Served, servedMetrics } from '@credence/kit/http'
import type { Metrics } from '@credence/kit/telemetry'
import type { Base } from './base.ts'
import { watchShadow } from './policies/shadow.ts'
import { observedServers } from './registry/registry.ts'

export const statusOf = ({
  core,
  ledger,
  witnessing,
  follower,
  outbox,
  audit,
  decider,
  registry,
  directory,
}: Base) => ({
  issuer: core.domain.issuer,
  domain: core.domain.id,
  epoch: core.domain.epoch,
  feed: follower.number,
  lease: follower.lease(),
  ledger: {
    size: ledger.size(),
    verifierKey: ledger.verifierKey,
    backlog: audit.backlog(),
    owed: outbox.owed(),
    /** Why nothing can be appended; absent when it can. */
    ...(ledger.problem() === undefined ? {} : { problem: ledger.problem() }),
  },
  /** How far enough witnesses have cosigned the ledger; absent when nobody is asked. */
  ...(witnessing === undefined
    ? {}
    : { witnessed: { size: witnessing.newest()?.size ?? 0, by: witnessing.newest()?.by ?? [] } }),
  openIntents: audit.openIntents().filter(({ overdue }) => overdue).length,
  policy: decider.snapshot.version,
  servers: registry().servers.length,
  /** Servers whose policies are not enforced. */
  observed: observedServers(registry()),
  agents: [...directory.all()].length,
})

/** Counts every request, and the tokens that were issued. */
export const served = (metrics: Metrics): ((one: Served) => void) => {
  const count = servedMetrics(metrics)
  const issued = metrics.counter('credence_tokens_issued_total', 'Access tokens issued')
  return (one) => {
    count(one)
    if (one.route === 'token.issue' && one.status === 200) issued.add()
  }
}

export const watch = ({ metrics, ledger, witnessing, follower, outbox, audit, shadow }: Base): void => {
  if (shadow !== undefined) watchShadow(metrics, shadow)
  const size = metrics.gauge('credence_ledger_entries', 'Entries in the ledger')
  const problem = metrics.gauge('credence_ledger_problem', '1 while nothing can be appended to the ledger')
  const witnessed =
    witnessing && metrics.gauge('credence_ledger_witnessed_entries', 'Entries that enough witnesses have cosigned')
  const feed = metrics.gauge('credence_feed_number', 'Last entry of the feed that this node applied')
  const lease = metrics.gauge('credence_lease_fresh', '1 while this node knows the newest revocations')
  const lag = metrics.gauge('credence_feed_lag_seconds', 'Since this node last knew all that the feed held')
  const owed = metrics.gauge('credence_outbox_rows', 'Acts that are not recorded in the ledger yet')
  const open = metrics.gauge('credence_intents_open', 'Intents without an outcome yet')
  const overdue = metrics.gauge('credence_intents_overdue', 'Intents without an outcome past their deadline')
  metrics.collect(() => {
    size.set(ledger.size())
    problem.set(ledger.problem() === undefined ? 0 : 1)
    witnessed?.set(witnessing?.newest()?.size ?? 0)
    feed.set(follower.number)
    lag.set(Math.max(0, follower.lagMs()) / 1000)
    lease.set(follower.lease() === 'fresh' ? 1 : 0)
    owed.set(outbox.owed())
    const intents = audit.openIntents()
    open.set(intents.length)
    overdue.set(intents.filter((intent) => intent.overdue).length)
  })
}

export const problems = async ({ follower, outbox, ledger }: Base): Promise<readonly string[]> => [
  ...(follower.lease() === 'fresh' ? [] : ['feed_lease']),
  ...(outbox.owed() === 0 ? [] : ['outbox_not_empty']),
  ...[ledger.problem() ?? []].flat(),
]
