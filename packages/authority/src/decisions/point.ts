/** A decision point: who is asked, whatever is behind it. */
import type { AuthZenResponse } from '@credence/policy'
import type { EvaluationRequest, SearchRequest } from '@credence/protocol/authzen'

export interface DecisionPoint {
  /** Its URL: `policy_decision_point` of its metadata. */
  readonly identifier: string
  /** How many candidates one page of a search may look at. */
  readonly scan: number
  /** INVARIANT: everything that one request asks is answered by one version of the policies. */
  pin(): Pinned
}

export type Found = AuthZenResponse | undefined

export interface Pinned {
  /** Never rejects for what a caller sends: what cannot be decided is a deny. */
  evaluate(request: EvaluationRequest): AuthZenResponse | Promise<AuthZenResponse>
  /** Every id (of actions: every name) that a search could find, sorted, each once. */
  candidates(search: SearchRequest): Promise<readonly string[]>
  /** What is answered about a candidate, which is found when that is a yes. Undefined: nobody could be asked. */
  permits(request: EvaluationRequest): Found | Promise<Found>
}

export const sortedOnce = (ids: Iterable<string>): string[] => [...new Set(ids)].sort()
