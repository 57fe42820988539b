/** The PDP's answer. Anything that is not `granted` is not a permission. */
import type { DecisionId } from './ids.ts'
import type { JsonValue } from './operation.ts'

export interface Obligation {
  readonly id: string
  readonly type: string
  readonly properties: JsonValue
}

/** What one decision point said, where another than the domain's own was asked. */
export interface PointAnswer {
  /** Its name in the host's configuration; `own`: the policies of the domain. */
  readonly point: string
  /** Our name for the question (`X-Request-ID`): how it is found in the log of that decision point. */
  readonly request: string
  readonly effect: 'granted' | 'refused' | 'pending'
  readonly version: string
}

export interface Decision {
  readonly id: DecisionId
  readonly effect: 'granted' | 'refused' | 'pending'
  /** Ids of the policies that decided, as their author named them (`@id`). Empty: nothing permitted, so default deny. */
  readonly policies: readonly string[]
  /** SHA-256 (base64url) of the active policy set. */
  readonly policyVersion: string
  /** One plain sentence, without secrets, that may be shown to the caller. */
  readonly reason: string
  /** Policies that could not be evaluated and were skipped, with Cedar's message. */
  readonly errors: readonly string[]
  readonly obligations: readonly Obligation[]
  /**
   * Present where the resource only observes its policies: what they answered and what was not enforced. `granted`: they
   * demanded obligations.
   */
  readonly observed?: Decision['effect']
  /** Present where the task had read what strangers wrote when it was decided on; see `taskOf`. */
  readonly untrusted?: true
  /** Present where a remote decision point was asked: who said what, in the order in which they were asked. */
  readonly by?: readonly PointAnswer[]
}
