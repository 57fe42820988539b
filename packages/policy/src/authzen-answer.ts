/** What an enforcement point is told over AuthZEN. */
import type { Obligation } from '@credence/model'
import type { EvaluationRequest } from '@credence/protocol/authzen'
import { OBLIGATION_TYPES, supportedObligations } from '@credence/protocol/authzen/obligations-draft-1'
import type { Verdict } from './compile/program.ts'
import { asking, joinDemands } from './demands/annotations.ts'
import { askReason, verdictReason } from './reason.ts'
import type { PolicySnapshot } from './snapshot.ts'

export interface AuthZenResponse {
  readonly decision: boolean
  readonly context: {
    readonly reason: string
    readonly policies: readonly string[]
    readonly version: string
    /** A person must approve it first; there only where it is so. Ours, of no standard. */
    readonly pending?: true
    /** AuthZEN Profile for Obligations, draft 1. */
    readonly obligations?: readonly Obligation[]
  }
}

export const refusal = (
  snapshot: PolicySnapshot,
  reason: string,
  policies: readonly string[] = [],
): AuthZenResponse => ({ decision: false, context: { reason, policies, version: snapshot.version } })

const told = (
  decision: boolean,
  context: Omit<AuthZenResponse['context'], 'obligations'>,
  obligations: readonly Obligation[],
): AuthZenResponse => ({
  decision,
  context: obligations.length === 0 ? context : { ...context, obligations },
})

/**
 * > A PDP that anticipates a PEP may be unable to satisfy an Obligation [...] MAY [...] choose instead to issue a DENY
 * > decision outright (with or without its own accompanying Obligations)
 * Whoever declares what it can do is denied what demands more, with what it can do. Whoever declares nothing is told all.
 */
const demanding = (snapshot: PolicySnapshot, verdict: Verdict, request: EvaluationRequest): AuthZenResponse => {
  const { allow, reasons } = verdict
  const what = { method: request.action.name, name: '' }
  const common = { policies: [...reasons].sort(), version: snapshot.version }
  const { ask, obligations } = joinDemands(reasons, snapshot.demands)
  if (allow && ask) {
    const reason = askReason(asking(reasons, snapshot.demands), what)
    return { decision: false, context: { ...common, reason, pending: true } }
  }
  const declared = supportedObligations(request.context, OBLIGATION_TYPES)
  const done = declared === undefined ? obligations : obligations.filter(({ type }) => declared.includes(type))
  const missing = obligations.find((one) => !done.includes(one))
  if (allow && missing !== undefined) {
    const reason = `The policies demand "${missing.type}", which the enforcement point does not declare.`
    return told(false, { ...common, reason }, done)
  }
  return told(allow, { ...common, reason: verdictReason(verdict, what) }, done)
}

export const answer = (snapshot: PolicySnapshot, verdict: Verdict, request: EvaluationRequest): AuthZenResponse => {
  if (snapshot.demands.size > 0) return demanding(snapshot, verdict, request)
  const reason = verdictReason(verdict, { method: request.action.name, name: '' })
  return {
    decision: verdict.allow,
    context: { reason, policies: [...verdict.reasons].sort(), version: snapshot.version },
  }
}
