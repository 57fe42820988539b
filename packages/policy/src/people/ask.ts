/** A scene through the decider, with the question that it asked. */
import type { Random } from '@credence/kit'
import type { Decision } from '@credence/model'
import type { CedarQuestion } from '../compile/entities.ts'
import type { Verdict } from '../compile/program.ts'
import { createDecider } from '../decider.ts'
import type { PolicySnapshot, PolicyView } from '../snapshot.ts'
import type { Scene } from './facts.ts'

/** Undefined: the grant answered, and no policy was asked. */
export interface AskedPolicies {
  readonly question: CedarQuestion
  readonly view: PolicyView
  readonly verdict: Verdict
}

export interface Asked {
  readonly decision: Decision
  readonly policies: AskedPolicies | undefined
}

/** Nothing is kept of these decisions, so their ids need not differ. */
const NO_RANDOM: Random = { bytes: (length) => new Uint8Array(length) }

/** INVARIANT: the decision is the running decider's own; what it asked is only looked at. */
export const askScene = async (snapshot: PolicySnapshot, scene: Scene): Promise<Asked> => {
  let policies: AskedPolicies | undefined
  let failure: unknown
  const watched: PolicySnapshot = {
    ...snapshot,
    evaluate: async (question, view) => {
      const verdict = await snapshot.evaluate(question, view)
      policies = { question, view, verdict }
      return verdict
    },
  }
  const decider = createDecider({
    snapshot: watched,
    registry: scene.registry,
    random: NO_RANDOM,
    clock: { now: () => scene.now },
    issuer: scene.issuer,
    owns: scene.owns,
    untrusted: () => scene.untrusted,
    onError: (error) => {
      failure = error
    },
  })
  const decision = await decider.decide(scene.operation, scene.caller)
  if (failure !== undefined) throw failure
  return { decision, policies }
}
