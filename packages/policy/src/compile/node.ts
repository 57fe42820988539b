/** What the compiler knows of an expression beside how to evaluate it. */
import type { CedarQuestion, VariableIndex } from './entities.ts'
import { EvaluationFailure } from './errors.ts'
import { asBool } from './operators.ts'
import type { CedarValue } from './values.ts'

export type Evaluate<T extends CedarValue = CedarValue> = (question: CedarQuestion) => T

/** What an expression looks at, as bits in the order of the variables; the highest: entities that it finds on its way. */
export const PRINCIPAL = 1
export const RESOURCE = 4
export const ANYTHING = 31

/** What a test does with the value that it looks at. `if`: a function says. `tests.ts` numbers them in this order. */
export const FORMS = ['is', 'not', '==', '!=', '<', '<=', '>', '>=', 'if', 'contains'] as const
export type FormName = (typeof FORMS)[number]

/**
 * A boolean that looks at one value: most conditions are made of such, and most of those look at the same few values. A
 * program loads each value once for a question.
 */
export interface Form {
  readonly name: FormName
  readonly operand: Node
  /** INVARIANT: of `==`, `!=` and `contains` no object, of the comparisons a number. */
  readonly constant: CedarValue
  /** Of `if` and `contains`; may fail. */
  readonly holds: (value: CedarValue) => boolean
  /** Of `if`: it does not fail on values of this type. Absent: it may fail on any. */
  readonly takes?: Taken
}

export type Taken = 'long' | 'string' | 'set' | 'anything'

/** `context.a.b`: from a variable by names. */
export interface Path {
  readonly variable: VariableIndex
  readonly names: readonly string[]
  /** For each name whether it may be missing: a guard looks for it first. */
  readonly optional: readonly boolean[]
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
  /** Bits of what it looks at; absent: anything. */
  readonly asks?: number
  /** It never fails. */
  readonly total?: boolean
  /** It reads an attribute, or with `has` looks for one, by names alone. */
  readonly path?: Path
}

/** Of one of the four variables. */
export const askedOf = (variable: VariableIndex): number => 1 << variable

/** As a boolean. */
export const neverFails = ({ boolean, total }: Node): boolean => boolean && total === true

export const asksOf = (nodes: readonly Node[]): number => nodes.reduce((all, { asks }) => all | (asks ?? ANYTHING), 0)

/** What a guarded value is when one of its guards is false. */
export const ABSENT: unique symbol = Symbol('absent')

const never = (): boolean => false

export const formOf = (
  name: FormName,
  operand: Node,
  constant: CedarValue = false,
  holds: Form['holds'] = never,
  takes?: Taken,
): Form => ({ name, operand, constant, holds, ...(takes === undefined ? {} : { takes }) })

export const constantNode = (constant: CedarValue): Node => ({
  run: () => constant,
  boolean: typeof constant === 'boolean',
  constant,
  asks: 0,
  total: true,
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
  const { name, operand, constant, holds, takes } = form
  if (name === 'is') return formOf('not', operand)
  if (name === 'not') return formOf('is', operand)
  if (name === '==') return formOf('!=', operand, constant)
  if (name === '!=') return formOf('==', operand, constant)
  return formOf('if', operand, constant, (value) => !holds(value), takes)
}

const isPrefix = (names: readonly string[], of: readonly string[]): boolean =>
  names.every((name, index) => name === of[index])

/** Whether a guard looks for a name by which this value is read. */
export const speaksOf = ({ path: looked }: Node, { path }: Node): boolean =>
  looked !== undefined && path !== undefined && looked.variable === path.variable && isPrefix(looked.names, path.names)

/** Of a path behind guards that look for its own names, one after the other; undefined when they look at more. */
const guardedPath = (guards: readonly Node[], { path }: Node): Path | undefined => {
  if (path === undefined) return undefined
  const optional = path.names.map(() => false)
  let from = 0
  for (const guard of guards) {
    const looked = guard.path
    if (looked === undefined || looked.variable !== path.variable || !isPrefix(looked.names, path.names))
      return undefined
    const first = looked.optional.indexOf(true)
    // INVARIANT: a guard that reads what a later one looks for would fail first.
    if (first < from) return undefined
    from = first
    optional.fill(true, first, looked.names.length)
  }
  return { ...path, optional }
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
  const path = guardedPath(before, operand)
  const asks = asksOf([...before, operand])
  const made = known.get(name) ?? { ...node(run), asks, ...(path === undefined ? {} : { path }) }
  known.set(name, made)
  return { ...form, operand: made }
}

/**
 * Evaluates once, now, what depends on no question. What fails is left as it is, to fail each time. `parts`: all that it
 * looks at, unless it says itself what it asks.
 */
export const fold = (made: Node, parts: readonly Node[]): Node => {
  if (parts.some(({ constant }) => constant === undefined)) return { asks: asksOf(parts), ...made }
  try {
    // INVARIANT: constants do not look at the question, so neither does what is made of them.
    return constantNode(made.run(undefined as never))
  } catch (error) {
    if (error instanceof EvaluationFailure) return made
    throw error
  }
}
