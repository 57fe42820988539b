/**
 * Why evaluating one policy failed. Stable, unlike the message:
 * `type` an operand has the wrong type · `overflow` a long left its 64 bits · `entity` an attribute or tag of an entity
 * that was not given · `attribute`, `tag` there is none of that name · `extension` a text is no decimal, address, time or
 * span, or a result leaves its type · `arguments` a call with the wrong number of arguments · `unknown` something that
 * only partial evaluation knows · `other` anything else that cedar-wasm says.
 */
export const FAILURE_KINDS = [
  'type',
  'overflow',
  'entity',
  'attribute',
  'tag',
  'extension',
  'arguments',
  'unknown',
  'other',
] as const

export type FailureKind = (typeof FAILURE_KINDS)[number]

/** Evaluation of one policy failed, so that policy is skipped. Not an `Error`: it is an outcome, and a stack would cost more than the decision. */
export class EvaluationFailure {
  readonly kind: FailureKind
  readonly message: string
  constructor(kind: FailureKind, message: string) {
    this.kind = kind
    this.message = message
  }
}

export const fail = (kind: FailureKind, message: string): never => {
  throw new EvaluationFailure(kind, message)
}

/** The compiler does not take this policy; it runs in cedar-wasm. */
export class NotCompiled extends Error {}
