/** One scene explained: decision, grant, and every policy. */
import type { Decision } from '@credence/model'
import type { PolicySnapshot } from '../../snapshot.ts'
import { askScene } from '../ask.ts'
import type { Scene } from '../facts.ts'
import { disagreement, explainPolicy, isNear, type PolicyExplained, questionText } from './explain.ts'
import { type Prepared, preparePolicies } from './prepare.ts'
import { NOTHING_UNKNOWN, type Unknowns } from './truth.ts'

export type { Failed, Missing, PolicyExplained, Standing } from './explain.ts'
export type { Found } from './found.ts'
export { type Prepared, preparePolicies } from './prepare.ts'
export type { Unknowns } from './truth.ts'

export interface Explanation {
  readonly question: string | undefined
  readonly decision: Decision
  /** What the grant had to say. */
  readonly grant: string
  readonly policies: readonly PolicyExplained[]
  /** Of which exactly one part is missing: permits where the answer is no, forbids where it is yes. */
  readonly near: readonly string[]
  /** Explanation and decider differ: a bug of ours. */
  readonly disagreement?: string
}

const grantText = ({ caller, operation }: Scene, decision: Decision, asked: boolean): string => {
  if (!asked) return decision.reason
  if (caller.authorizationDetails.length === 0) return 'No grant stands behind this; the policies alone decide.'
  const here = caller.authorizationDetails.filter(({ locations }) => locations[0] === operation.resource)
  return `The grant allows it: ${here.flatMap(({ tools }) => tools).join(', ') || 'nothing'} at ${operation.resource}.`
}

export interface ExplainOptions {
  /** Made once for many questions. */
  readonly prepared?: readonly Prepared[]
  /** What of the context is not known, so that its value in the scene means nothing. */
  readonly unknowns?: Unknowns
}

export const explainScene = async (
  snapshot: PolicySnapshot,
  scene: Scene,
  { prepared, unknowns = NOTHING_UNKNOWN }: ExplainOptions = {},
): Promise<Explanation> => {
  const { decision, policies: asked } = await askScene(snapshot, scene)
  const grant = grantText(scene, decision, asked !== undefined)
  if (asked === undefined) return { question: undefined, decision, grant, policies: [], near: [] }
  const { question, view, verdict } = asked
  const policies = (prepared ?? (await preparePolicies(snapshot))).map((policy) =>
    explainPolicy(policy, question, view, unknowns),
  )
  const differs = unknowns.size === 0 ? disagreement(policies, verdict) : undefined
  return {
    question: questionText(question),
    decision,
    grant,
    policies,
    near: policies.filter((policy) => isNear(policy, decision.effect === 'granted')).map(({ id }) => id),
    ...(differs === undefined ? {} : { disagreement: differs }),
  }
}
