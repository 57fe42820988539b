/** What is collected while a question is evaluated. */
import type { FailureKind } from './errors.ts'

export interface PolicyFailure {
  readonly policy: string
  readonly kind: FailureKind
  readonly message: string
}

/** What each policy said. */
export interface Outcome {
  /** Left out where a forbid holds and all policies were evaluated: then they determine nothing. */
  readonly permits: readonly string[]
  readonly forbids: readonly string[]
  readonly errors: readonly PolicyFailure[]
}

export interface RunOutcome extends Outcome {
  /** Policies were reached that only cedar-wasm can evaluate. */
  readonly engine: boolean
  /** It was answered by plans, without looking at each policy. */
  readonly planned: boolean
}

const NONE: readonly string[] = []
const NO_ERRORS: PolicyFailure[] = []

/** Used again for the next question. */
export class Run {
  readonly permits: Int32Array
  readonly forbids: Int32Array
  permitted = 0
  forbidden = 0
  errors: PolicyFailure[] = NO_ERRORS
  engine = false

  constructor(policies: number) {
    this.permits = new Int32Array(policies)
    this.forbids = new Int32Array(policies)
  }

  begin(): void {
    this.permitted = 0
    this.forbidden = 0
    this.errors = NO_ERRORS
    this.engine = false
  }

  holds(name: number): void {
    if ((name & 1) === 1) this.permits[this.permitted++] = name >> 1
    else this.forbids[this.forbidden++] = name >> 1
  }

  /** > A policy whose evaluation results in an error is skipped. (Cedar, authorization semantics) */
  failed(failure: PolicyFailure): void {
    if (this.errors === NO_ERRORS) this.errors = [failure]
    else this.errors.push(failure)
  }

  outcome(ids: readonly string[], planned: boolean): RunOutcome {
    const { forbidden, engine, errors } = this
    const permits = forbidden > 0 && !engine ? NONE : named(ids, this.permits, this.permitted)
    return { permits, forbids: named(ids, this.forbids, forbidden), errors, engine, planned }
  }
}

/** A copy of as many that is written over: neither a list that grows nor one that is made to be filled is as fast. */
const named = (ids: readonly string[], numbers: Int32Array, count: number): readonly string[] => {
  if (count === 0) return NONE
  const first = ids[numbers[0] as number] as string
  if (count === 1) return [first]
  if (count === 2) return [first, ids[numbers[1] as number] as string]
  const list = ids.slice(0, count)
  for (let index = 0; index < count; index++) list[index] = ids[numbers[index] as number] as string
  return list
}
