/** What an expression is to a mapping: text that was read once and is asked with the inputs of each operation. */
import type { JsonObject, JsonValue } from '@credence/kit/json'

/** > the distinguished value absent [...] causes that field to be omitted from the constructed request entirely */
export const ABSENT: unique symbol = Symbol('absent')

export type Resolved = JsonValue | typeof ABSENT

/** Named input variables, as a binding defines them. */
export type Inputs = Readonly<Record<string, JsonObject>>

/** How often the inputs may be read from end to end. */
export interface Work {
  readonly once: number
  /** Again for each member of what a loop goes over. */
  readonly looped: number
}

/** What one use of a mapping may make; throws when it is too much. */
export interface Spent {
  characters(count: number): void
}

export interface Expression {
  /** Throws for what cannot be computed, and for what is no JSON value; `spent` is told what is made while it is made. */
  evaluate(inputs: Inputs, spent: Spent): Resolved
  /** Goes over lists of the inputs, which therefore have to be short. */
  readonly loops: boolean
  readonly work: Work
}

/** Reads one expression; throws with a sentence for what is no expression, or one beyond the bounds. */
export type ExpressionReader = (text: string) => Expression
