/** Something wrong with a policy or schema, said so that its author finds the place and knows what to do. */
export interface PolicyProblem {
  /** Stable: `parse`, `validation`, `duplicate_id`, `too_deep`, `too_large`, `schema`, `engine`, `annotation`, `reach`. */
  readonly code: string
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  readonly message: string
  readonly hint?: string
  readonly policy?: string
}

export interface CheckResult {
  /** No problem of severity `error`. */
  readonly ok: boolean
  readonly problems: readonly PolicyProblem[]
  /** Ids of the policies that were read, in order. */
  readonly policies: readonly string[]
}

/** `file:line:column: message (hint)`. */
export const problemText = (problem: PolicyProblem): string =>
  `${problem.file}:${problem.line}:${problem.column}: ${problem.message}${problem.hint === undefined ? '' : ` (${problem.hint})`}`
