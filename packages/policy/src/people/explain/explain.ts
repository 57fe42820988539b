/** Which policies match a question, which nearly do and what is missing, which failed and why. */
import type { CedarQuestion } from '../../compile/entities.ts'
import { EvaluationFailure } from '../../compile/errors.ts'
import type { Verdict } from '../../compile/program.ts'
import { matchesAction, matchesEntity } from '../../compile/scope.ts'
import type { PolicyView } from '../../snapshot.ts'
import { entityText, type Found, foundIn, uidText } from './found.ts'
import type { Demand, Place, Prepared } from './prepare.ts'
import { NOTHING_UNKNOWN, negate, type Truth, truthOf, type Unknowns } from './truth.ts'

/** `engine`: only cedar-wasm evaluates it. `left out`: a permit of a folder, and the authority is asked about. */
export type Standing = 'matches' | 'does not match' | 'failed' | 'unknown' | 'engine' | 'left out'

/** A part of a policy that does not fit, or of which nothing is known. */
export interface Missing extends Place {
  readonly part: 'principal' | 'action' | 'resource' | 'when' | 'unless'
  readonly truth: 'no' | 'unknown'
  readonly found: readonly Found[]
}

export interface Failed extends Place {
  readonly kind: string
  readonly message: string
  readonly found: readonly Found[]
}

export interface PolicyExplained {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  readonly origin: 'system' | 'user'
  readonly file: string
  readonly line: number
  /** It permits only after a person was asked. */
  readonly asks?: boolean
  readonly standing: Standing
  readonly missing: readonly Missing[]
  readonly failed?: Failed
}

const scopeFits = ({ principal, action, resource }: Prepared, question: CedarQuestion): boolean =>
  matchesAction(action, question.action, question.actionEntity) &&
  matchesEntity(principal, question.principal, question.principalEntity) &&
  matchesEntity(resource, question.resource, question.resourceEntity)

const scopeMissing = (policy: Prepared, question: CedarQuestion): Missing[] => {
  const { principal, action, resource, spans, place } = policy
  const missing = (part: Missing['part'], index: 0 | 1 | 2, value: string): Missing => ({
    part,
    truth: 'no',
    ...place(spans.scope[index]),
    found: [{ expression: part, value }],
  })
  const fits = {
    principal: matchesEntity(principal, question.principal, question.principalEntity),
    action: matchesAction(action, question.action, question.actionEntity),
    resource: matchesEntity(resource, question.resource, question.resourceEntity),
  }
  return [
    ...(fits.principal ? [] : [missing('principal', 0, entityText(question.principal, question))]),
    ...(fits.action ? [] : [missing('action', 1, entityText(question.action, question))]),
    ...(fits.resource ? [] : [missing('resource', 2, entityText(question.resource, question))]),
  ]
}

interface Judged {
  readonly demand: Demand
  readonly truth: Truth
}

const judge = (demands: readonly Demand[], question: CedarQuestion, unknowns: Unknowns): Judged[] =>
  demands.map((demand) => {
    const truth = truthOf(demand.tree, question, unknowns)
    return { demand, truth: demand.clause === 'when' ? truth : negate(truth) }
  })

/**
 * The first demand that does not hold decides. Behind one of which nothing is known, one that surely does not hold makes
 * sure that the policy does not: it fails before or does not hold, and either way it is not satisfied.
 */
const conclude = (judged: readonly Judged[]): Truth => {
  const first = judged.find(({ truth }) => truth !== 'yes')?.truth
  if (first !== 'unknown') return first ?? 'yes'
  return judged.some(({ truth }) => truth === 'no') ? 'no' : 'unknown'
}

const demandMissing = (judged: readonly Judged[], policy: Prepared, question: CedarQuestion, unknowns: Unknowns) =>
  judged.flatMap(({ demand, truth }): Missing[] =>
    truth === 'no' || truth === 'unknown'
      ? [
          {
            part: demand.clause,
            truth,
            ...policy.place(demand.tree.span),
            found: foundIn(demand.json, question, unknowns),
          },
        ]
      : [],
  )

const STANDINGS = { yes: 'matches', no: 'does not match', unknown: 'unknown' } as const

const failureOf = (judged: readonly Judged[], policy: Prepared, question: CedarQuestion, unknowns: Unknowns) => {
  const failed = judged.find(({ truth }) => truth instanceof EvaluationFailure)
  if (failed === undefined || !(failed.truth instanceof EvaluationFailure)) return {}
  const { kind, message } = failed.truth
  const { tree, json } = failed.demand
  return { failed: { ...policy.place(tree.span), kind, message, found: foundIn(json, question, unknowns) } }
}

const headOf = ({ info: { id, effect, origin, file, line, asks } }: Prepared) => ({
  id,
  effect,
  origin,
  file,
  line,
  ...(asks === true ? { asks } : {}),
})

const isLeftOut = ({ info }: Prepared, view: PolicyView): boolean =>
  view === 'authority' && info.origin === 'user' && info.effect === 'permit'

/** Only how a policy stands, for many questions. */
export const standingOf = (
  policy: Prepared,
  question: CedarQuestion,
  view: PolicyView,
  unknowns: Unknowns,
): Standing => {
  if (isLeftOut(policy, view)) return 'left out'
  if (!scopeFits(policy, question)) return 'does not match'
  if (policy.demands === undefined) return 'engine'
  const truth = conclude(judge(policy.demands, question, unknowns))
  return truth instanceof EvaluationFailure ? 'failed' : STANDINGS[truth]
}

export const explainPolicy = (
  policy: Prepared,
  question: CedarQuestion,
  view: PolicyView,
  unknowns: Unknowns = NOTHING_UNKNOWN,
): PolicyExplained => {
  const head = headOf(policy)
  if (isLeftOut(policy, view)) return { ...head, standing: 'left out', missing: [] }
  const scope = scopeMissing(policy, question)
  if (policy.demands === undefined) {
    return { ...head, standing: scope.length === 0 ? 'engine' : 'does not match', missing: scope }
  }
  const judged = judge(policy.demands, question, unknowns)
  const truth = scope.length === 0 ? conclude(judged) : 'no'
  const missing = [...scope, ...demandMissing(judged, policy, question, unknowns)]
  if (truth instanceof EvaluationFailure) {
    return { ...head, standing: 'failed', missing, ...failureOf(judged, policy, question, unknowns) }
  }
  return { ...head, standing: STANDINGS[truth], missing }
}

/** One thing is missing, and with it the policy would speak against this answer. */
export const isNear = ({ standing, missing, effect }: PolicyExplained, granted: boolean): boolean =>
  standing === 'does not match' && missing.length === 1 && effect === (granted ? 'forbid' : 'permit')

const ids = (policies: readonly PolicyExplained[]): string[] => policies.map(({ id }) => id).sort()

const said = (names: readonly string[]): string => (names.length === 0 ? 'none' : [...names].sort().join(', '))

/**
 * What the explanation and the decider say of the same question must be the same; anything else is a bug of one of
 * them, and is said. Nothing is compared where only cedar-wasm knows.
 */
export const disagreement = (policies: readonly PolicyExplained[], verdict: Verdict): string | undefined => {
  if (policies.some(({ standing }) => standing === 'engine' || standing === 'unknown')) return undefined
  const matching = policies.filter(({ standing }) => standing === 'matches')
  const forbids = matching.filter(({ effect }) => effect === 'forbid')
  const reasons = ids(forbids.length > 0 ? forbids : matching)
  const failed = ids(policies.filter(({ standing }) => standing === 'failed'))
  const theirs = { reasons: said(verdict.reasons), failed: said(verdict.errors.map(({ policy }) => policy)) }
  if (said(reasons) === theirs.reasons && said(failed) === theirs.failed) return undefined
  return `the explanation says that ${said(reasons)} decide and ${said(failed)} fail, the decider says ${theirs.reasons} and ${theirs.failed}`
}

/** Who asked for what on which, in one line. */
export const questionText = ({ principal, action, resource }: CedarQuestion): string =>
  `${uidText(principal)}, ${uidText(action)}, ${uidText(resource)}`
