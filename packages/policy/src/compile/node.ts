/** What the compiler knows of an expression beside how to evaluate it. */
import type { CedarQuestion, VariableIndex } from './entities.ts'
import { EvaluationFailure } from './errors.ts'
import { asBool } from './operators.ts'
import type { CedarValue } from './values.ts'

export type Evaluate<T extends CedarValue = CedarValue> = (question: CedarQuestion) => T

/** What a test does with the value that it looks at. `if`: a function says. `tests.ts` numbers them in this order. */
export const FORMS = ['is', 'not', '==', '!=', '<', '<=', '>', '>=', 'if'] as const
export type FormName = (typeof FORMS)[number]

/**
 * A boolean that looks at one value: most conditions are made of such, and most of those look at the same few values. A
 * program loads each value once for a question.
 */
export interface Form {
  readonly name: FormName
  readonly operand: Node
  /** INVARIANT: of `==` and `!=` no object, of the comparisons a number. */
  readonly constant: CedarValue
  /** Of `if`; may fail. */
  readonly holds: (value: CedarValue) => boolean
}

export interface Node {
  readonly run: Evaluate
  /** It is a boolean whenever it does not fail. */
  readonly boolean: boolean
  /** It does not depend on the question, and does not fail. */
  readonly constant?: CedarValue
  readonly variable?: VariableIndex
  /** The same as `run`. */
  readonly form?: Form
  /** It is `has`. */
  readonly guard?: boolean
}

/** What a guarded value is when one of its guards is false. */
export const ABSENT: unique symbol = Symbol('absent')

const never = (): boolean => false

export const formOf = (
  name: FormName,
  operand: Node,
  constant: CedarValue = false,
  holds: Form['holds'] = never,
): Form => ({
  name,
  operand,
  constant,
  holds,
})

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

/** Of a boolean as it stands in a condition. */
export const formOfBoolean = (made: Node): Form | undefined =>
  made.form ?? (made.constant === undefined && !made.boolean ? formOf('is', made) : undefined)

/** The opposite, where it has a form. Failures stay failures. */
export const negated = (form: Form | undefined): Form | undefined => {
  if (form === undefined) return undefined
  const { name, operand, constant, holds } = form
  if (name === 'is') return formOf('not', operand)
  if (name === 'not') return formOf('is', operand)
  if (name === '==') return formOf('!=', operand, constant)
  if (name === '!=') return formOf('==', operand, constant)
  return formOf('if', operand, constant, (value) => !holds(value))
}

let guards = 0
const guardNames = new WeakMap<Node, number>()
const guarded = new WeakMap<Node, Map<string, Node>>()

const guardName = (guard: Node): number => {
  const known = guardNames.get(guard) ?? guards++
  guardNames.set(guard, known)
  return known
}

/**
 * `x has a && x.a < 1` as one look at a value that may be absent: the validator asks for such guards wherever an
 * attribute is optional. Guards are evaluated in their order, before the value, as they would be alone.
 */
export const guardedBy = (before: readonly Node[], form: Form): Form => {
  const { operand } = form
  const name = before.map(guardName).join()
  const known = guarded.get(operand) ?? new Map<string, Node>()
  guarded.set(operand, known)
  const runs = before.map(booleanOf)
  const run: Evaluate = (question) => {
    for (const guard of runs) if (!guard(question)) return ABSENT as unknown as CedarValue
    return operand.run(question)
  }
  const made = known.get(name) ?? node(run)
  known.set(name, made)
  return { ...form, operand: made }
}

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
