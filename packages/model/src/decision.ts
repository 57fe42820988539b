/** The PDP's answer. Anything that is not `granted` is not a permission. */
import type { DecisionId } from './ids.ts'
import type { JsonValue } from './operation.ts'

export interface Obligation {
  readonly id: string
  readonly type: string
  readonly properties: JsonValue
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
}
