/**
 * The domain's own decision on a call of a tool that has a mapping in the registry (COAZ-MCP): the policies are asked about
 * the call, as always, and about everything that the mapping says the call is about.
 *
 * INVARIANT: granted only if every one of these answers is yes, all by one version of the policies. A mapping can take rights
 * away and give none.
 */
import type { Decider } from '@credence/guard'
import { coazToken, mappingsOf, paramsOf, saidBy } from '@credence/guard/authzen'
import type { Clock } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import type { CallerFacts, Decision, Operation, PointAnswer } from '@credence/model'
import {
  type AuthZenResponse,
  asObserved,
  decideAuthZen,
  isPlainYes,
  mayObserve,
  type PolicyDecider,
  type PolicySnapshot,
  type RegistryView,
} from '@credence/policy'

export interface MappedDeciderOptions {
  readonly decider: Pick<PolicyDecider, 'decide' | 'snapshot'>
  readonly registry: RegistryView
  readonly issuer: string
  readonly clock: Pick<Clock, 'now'>
  /** The mapping of a tool in the registry; the same object until it changes. */
  readonly find: (resource: string, tool: string) => JsonObject | undefined
}

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

export const createMappedDecider = (options: MappedDeciderOptions): Decider => {
  const { decider, registry, issuer, clock } = options
  const mappingOf = mappingsOf(options.find)

  const alsoAsked = async (
    own: Decision,
    snapshot: PolicySnapshot,
    operation: Operation,
    caller: CallerFacts,
  ): Promise<Decision> => {
    const mapping = await mappingOf(operation)
    if (own.effect === 'refused' || own.observed !== undefined || mapping === undefined) return own
    let decided = own
    for (const question of mapping.evaluations(paramsOf(operation), coazToken(caller, operation.resource))) {
      decided = joined(decided, await decideAuthZen(question, { snapshot, registry, issuer, clock }))
      if (decided.effect === 'refused') break
    }
    const said = { ...decided, by: saidWith(own, decided) }
    return isPlainYes(decided) || !mayObserve(operation, caller, registry) ? said : asObserved(said)
  }

  return {
    decide: (operation, caller) => {
      // In the same turn as the decision, so of the same version.
      const { snapshot } = decider
      const given = decider.decide(operation, caller)
      if (operation.method !== 'tools/call' || options.find(operation.resource, operation.name) === undefined)
        return given
      return Promise.resolve(given).then((own) => alsoAsked(own, snapshot, operation, caller))
    },
  }
}
