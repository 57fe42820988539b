/** A remote decision point beside our own: both must say yes. */
import type { Decision, PointAnswer } from '@credence/model'
import type { Decider } from '../ports.ts'

const VERSION = 128

/** Who said what: what a remote decision point says of itself, or our own policies. */
export const saidBy = (decision: Decision): readonly PointAnswer[] =>
  decision.by ?? [
    {
      point: 'own',
      request: decision.id,
      effect: decision.effect,
      version: decision.policyVersion,
    },
  ]

const together = (ours: Decision, theirs: Decision): Decision => ({
  id: ours.id,
  effect: theirs.effect,
  policies: [...ours.policies, ...theirs.policies],
  policyVersion: `${ours.policyVersion}+${theirs.policyVersion}`.slice(0, VERSION).toWellFormed(),
  reason: theirs.effect === 'granted' ? ours.reason : theirs.reason,
  errors: [...ours.errors, ...theirs.errors],
  obligations: [...ours.obligations, ...theirs.obligations],
  by: [...saidBy(ours), ...saidBy(theirs)].slice(0, 4),
  ...(ours.observed === undefined ? {} : { observed: ours.observed }),
  ...(ours.untrusted === undefined ? {} : { untrusted: ours.untrusted }),
})

/**
 * INVARIANT: granted only if both granted, and then with the obligations of both. Who asks second is not told of what the
 * first refused, nor of what a person must approve first. What throws is thrown on: no decision.
 */
export const bothMustPermit = (first: Decider, second: Decider): Decider => ({
  decide: async (operation, caller) => {
    const ours = await first.decide(operation, caller)
    if (ours?.effect !== 'granted') return ours
    const theirs = await second.decide(operation, caller)
    return together(ours, theirs)
  },
})
