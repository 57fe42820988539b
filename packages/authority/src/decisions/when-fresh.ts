/**
 * A decision that asks whether the task has read what strangers wrote waits for a lease, as a release does: a node that was busy
 * for a second would otherwise take every task for one that has.
 *
 * INVARIANT: that a node cannot know is an outage and no decision. What the policies would not grant to a task that has read is
 * unavailable then, not refused by a policy; and no record calls a task marked that nobody marked.
 */
import type { Decider } from '@credence/guard'
import { unavailable } from '@credence/kit'
import type { CallerFacts, Decision } from '@credence/model'
import type { PolicyDecider } from '@credence/policy'
import type { Follower, TaskMarker } from '@credence/sync'

const onlyKnown = (decision: Decision, caller: CallerFacts, tasks: Pick<TaskMarker, 'untrusted'>): Decision => {
  if (decision.untrusted !== true || tasks.untrusted(caller, false)) return decision
  const { untrusted: _unknown, ...decided } = decision
  if (decided.effect === 'granted') return decided
  throw unavailable(
    'marks_unknown',
    'Whether this task has read what strangers wrote cannot be known at the moment. Try again.',
    { headers: { 'Retry-After': '1' } },
  )
}

/** `own`: decides by the set of policies that `policies` has in force. */
export const whenFresh = (
  own: Decider,
  policies: Pick<PolicyDecider, 'snapshot'>,
  follower: Pick<Follower, 'lease' | 'renewed'>,
  tasks: Pick<TaskMarker, 'untrusted'>,
): Decider => {
  const waiting = async (...asked: Parameters<Decider['decide']>): Promise<Decision> => {
    if (follower.lease() !== 'fresh') await follower.renewed()
    return onlyKnown(await own.decide(...asked), asked[1], tasks)
  }
  return {
    decide: (...asked) => (policies.snapshot.contexts.reads('untrusted') ? waiting(...asked) : own.decide(...asked)),
  }
}
