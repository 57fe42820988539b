/** What the compiler knows of an expression beside how to evaluate it. */
import type { CedarQuestion, VariableIndex } from './entities.ts'
import { EvaluationFailure } from './errors.ts'
import { asBool } from './operators.ts'
import type { CedarValue } from './values.ts'

export type Evaluate<T extends CedarValue = CedarValue> = (question: CedarQuestion) => T

export interface Node {
  readonly run: Evaluate
  /** It is a boolean whenever it does not fail. */
  readonly boolean: boolean
  /** It does not depend on the question, and does not fail. */
  readonly constant?: CedarValue
  readonly variable?: VariableIndex
}

export const constantNode = (constant: CedarValue): Node => ({
  run: () => constant,
  boolean: typeof constant === 'boolean',
  constant,
})

export const node = (run: Evaluate): Node => ({ run, boolean: false })
export const booleanNode = (run: Evaluate<boolean>): Node => ({ run, boolean: true })

/** The expression as a boolean; looks at the type only where it is not known. */
export const booleanOf = ({ run, boolean }: Node): Evaluate<boolean> =>
  boolean ? (run as Evaluate<boolean>) : (question) => asBool(run(question))

/** Evaluates once, now, what depends on no question. What fails is left as it is, to fail each time. */
export const fold = (made: Node, parts: readonly Node[]): Node => {
  if (parts.some(({ constant }) => constant === undefined)) return made
  try {
    // INVARIANT: constants do not look at the question, so neither does what is made of them.
    return constantNode(made.run(undefined as never))
  } catch (error) {
    if (error instanceof EvaluationFailure) return made
    throw error
  }
}
