/** What a mapping says a call is about, asked of the same version of the policies. Loaded with the first mapping. */
import { coazToken, mappingsOf, paramsOf, saidBy } from '@credence/guard/authzen'
import type { CallerFacts, Decision, Operation, PointAnswer } from '@credence/model'
import {
  type AuthZenResponse,
  asObserved,
  decideAuthZen,
  isPlainYes,
  mayObserve,
  type PolicySnapshot,
} from '@credence/policy'
import type { MappedDeciderOptions } from './mapped-decider.ts'

const effectOf = ({ decision, context }: AuthZenResponse): Decision['effect'] => {
  if (decision) return 'granted'
  return context.pending === true ? 'pending' : 'refused'
}

const RANK: Readonly<Record<Decision['effect'], number>> = { granted: 0, pending: 1, refused: 2 }

/** The weaker of both counts, with its reason; obligations of both count. */
const joined = (before: Decision, answer: AuthZenResponse): Decision => {
  const effect = effectOf(answer)
  const { policies, reason, obligations = [] } = answer.context
  const weaker = RANK[effect] > RANK[before.effect]
  return {
    ...before,
    effect: weaker ? effect : before.effect,
    reason: weaker ? reason : before.reason,
    policies: [...new Set([...before.policies, ...policies.map((policy) => `${POINT}/${policy}`)])],
    obligations: [...before.obligations, ...obligations],
  }
}

/** How records name what the policies say of the questions of a mapping, beside what they say of the call (`own`). */
const POINT = 'mapping'

const saidWith = (own: Decision, { effect }: Decision): readonly PointAnswer[] => [
  ...saidBy(own),
  { point: POINT, request: own.id, effect, version: own.policyVersion },
]

/** `own`: what the policies said of the call itself. */
export type AlsoAsked = (
  own: Decision,
  snapshot: PolicySnapshot,
  operation: Operation,
  caller: CallerFacts,
) => Promise<Decision>

export const mappedQuestions = ({ registry, issuer, clock, find }: MappedDeciderOptions): AlsoAsked => {
  const mappingOf = mappingsOf(find)
  return async (own, snapshot, operation, caller) => {
    const mapping = await mappingOf(operation)
    if (own.effect === 'refused' || own.observed !== undefined || mapping === undefined) return own
    let decided = own
    // Of the same task, by the same look at its mark.
    const verified = () => ({ untrusted: own.untrusted === true })
    for (const question of mapping.evaluations(paramsOf(operation), coazToken(caller, operation.resource))) {
      decided = joined(decided, await decideAuthZen(question, { snapshot, registry, issuer, clock, verified }))
      if (decided.effect === 'refused') break
    }
    const said = { ...decided, by: saidWith(own, decided) }
    return isPlainYes(decided) || !mayObserve(operation, caller, registry) ? said : asObserved(said)
  }
}
