/**
 * A decision that asks whether the task has read what strangers wrote waits for a lease, as a release does: a node that was busy
 * for a second would otherwise take every task for one that has. Without a lease that is what it counts as.
 */
import type { Decider } from '@credence/guard'
import type { PolicyDecider } from '@credence/policy'
import type { Follower } from '@credence/sync'

/** `own`: decides by the set of policies that `policies` has in force. */
export const whenFresh = (
  own: Decider,
  policies: Pick<PolicyDecider, 'snapshot'>,
  follower: Pick<Follower, 'lease' | 'renewed'>,
): Decider => ({
  decide: (operation, caller) =>
    policies.snapshot.contexts.reads('untrusted') && follower.lease() !== 'fresh'
      ? follower.renewed().then(() => own.decide(operation, caller))
      : own.decide(operation, caller),
})
