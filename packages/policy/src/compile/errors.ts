/** Evaluation of one policy failed, so that policy is skipped. Not an `Error`: it is an outcome, and a stack would cost more than the decision. */
export class EvaluationFailure {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export const fail = (message: string): never => {
  throw new EvaluationFailure(message)
}

/** The compiler does not take this; the set runs in cedar-wasm. */
export class NotCompiled extends Error {}
