/** One scene explained: decision, grant, and every policy. */
import type { Decision } from '@credence/model'
import { joinDemands } from '../../demands/annotations.ts'
import type { PolicySnapshot } from '../../snapshot.ts'
import { askScene } from '../ask.ts'
import type { Scene } from '../facts.ts'
import { disagreement, explainPolicy, isNear, type PolicyExplained, questionText } from './explain.ts'
import { type Prepared, preparePolicies } from './prepare.ts'
import { type Answer, MATCHES, settle } from './settle.ts'
import { NOTHING_UNKNOWN, type Unknowns } from './truth.ts'

export type { Failed, Missing, PolicyExplained, Standing } from './explain.ts'
export type { Found } from './found.ts'
export { type Prepared, preparePolicies } from './prepare.ts'
export type { Unknowns } from './truth.ts'

export interface Explanation {
  readonly question: string | undefined
  readonly answer: Answer | 'cannot be told'
  /** Policies that decide, or that could where it cannot be told. */
  readonly by: readonly string[]
  readonly reason: string
  readonly version: string
  /** Policies that failed and were skipped, with Cedar's message. */
  readonly errors: readonly string[]
  /** What is demanded beside the answer; empty where the answer cannot be told. */
  readonly obligations: Decision['obligations']
  /** What the grant had to say. */
  readonly grant: string
  readonly policies: readonly PolicyExplained[]
  /** Of which exactly one part is missing: permits where the answer is no, forbids where it is not. */
  readonly near: readonly string[]
  /** Explanation and decider differ: a bug of ours. */
  readonly disagreement?: string
}

type Answered = Pick<Explanation, 'answer' | 'by' | 'reason' | 'version' | 'errors'>

const ANSWERS = { granted: 'allow', refused: 'deny', pending: 'ask' } as const

/** Where policies are only observed, what they say is explained. */
const decided = ({ effect, policies, reason, policyVersion, errors, observed }: Decision): Answered => ({
  answer: ANSWERS[observed ?? effect],
  by: policies,
  reason,
  version: policyVersion,
  errors,
})

const REASONS = {
  allow: (by: string) => `Permitted by ${by}.`,
  ask: (by: string) => `Permitted by ${by}, once a person has approved it.`,
  deny: (by: string) => (by === '' ? 'No policy permits it.' : `Forbidden by ${by}.`),
  'cannot be told': (by: string) => `It depends on ${by}, which reads what is not known.`,
} as const

/** INVARIANT: where something is unknown the decider's answer means nothing, since it was given other values. */
const settled = (policies: readonly PolicyExplained[], version: string): Answered => {
  const standings = new Map(policies.map(({ id, standing }) => [id, MATCHES[standing]]))
  const { answer = 'cannot be told', by, open } = settle(policies, standings)
  const names = answer === 'cannot be told' ? open : by
  const errors = policies.flatMap(({ id, failed }) => (failed === undefined ? [] : [`${id}: ${failed.message}`]))
  return { answer, by: names, reason: REASONS[answer](names.join(', ')), version, errors }
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
  if (asked === undefined)
    return { question: undefined, ...decided(decision), obligations: [], grant, policies: [], near: [] }
  const { question, view, verdict } = asked
  const policies = (prepared ?? (await preparePolicies(snapshot))).map((policy) =>
    explainPolicy(policy, question, view, unknowns),
  )
  const differs = unknowns.size === 0 ? disagreement(policies, verdict) : undefined
  const answered = unknowns.size === 0 ? decided(decision) : settled(policies, snapshot.version)
  return {
    question: questionText(question),
    ...answered,
    // Not of the decision: where policies are only observed it carries none.
    obligations: answered.answer === 'cannot be told' ? [] : joinDemands(answered.by, snapshot.demands).obligations,
    grant,
    policies,
    near: policies.filter((policy) => isNear(policy, answered.answer !== 'deny')).map(({ id }) => id),
    ...(differs === undefined ? {} : { disagreement: differs }),
  }
}
