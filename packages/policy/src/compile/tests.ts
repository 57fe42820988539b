/**
 * What policies ask, each question once: answers and the values that they look at are kept until the next question.
 *
 * INVARIANT: evaluation is synchronous, and what is kept is read only under the round that it was written in, so a
 * round inside a round spoils nothing.
 */
import type { CedarQuestion } from './entities.ts'
import { EvaluationFailure } from './errors.ts'
import { ABSENT, type Evaluate, FORMS, type Form, type Node, type Path, type Taken } from './node.ts'
import { asBool } from './operators.ts'
import type { CedarValue } from './values.ts'

export const NO = 0
export const YES = 1
export const FAILED = 2
export type Answer = typeof NO | typeof YES | typeof FAILED

/** The two lowest bits are the answer, the others the round. */
export const BITS = 2
const LAST_ROUND = 2 ** 28

/** Numbers of the forms, in their order; tests without one are run. Written out, so that a switch is a jump. */
export const IS = 0
export const NOT = 1
export const EQUAL = 2
export const UNEQUAL = 3
export const LESS = 4
export const LESS_OR_EQUAL = 5
export const MORE = 6
export const MORE_OR_EQUAL = 7
export const IF = 8
export const CONTAINS = 9
export const RUN = FORMS.length

/** Of one test: its answer with the round, its kind, which value it looks at, and what that is compared with. */
export const WIDTH = 4
export const KIND = 1
export const OPERAND = 2
export const LIMIT = 3

interface Entry {
  readonly kind: number
  readonly run: Evaluate<boolean> | undefined
  /** Which value; of those that look at one. */
  readonly operand: number
  readonly constant: CedarValue
  readonly holds: Form['holds']
  readonly takes: Taken | undefined
  readonly traits: Traits
}

/** What is known of a test before it is asked. */
export interface Traits {
  /** Bits of what it looks at. */
  readonly asks: number
  /** It never fails. */
  readonly total: boolean
  /** It looks at nothing but the types of principal and resource. */
  readonly types?: boolean
}

const compared = (kind: number, value: number, limit: number): Answer => {
  if (kind === LESS) return value < limit ? YES : NO
  if (kind === LESS_OR_EQUAL) return value <= limit ? YES : NO
  if (kind === MORE) return value > limit ? YES : NO
  return value >= limit ? YES : NO
}

const answerOf = (yes: boolean): Answer => (yes ? YES : NO)

/** Fields are as they are for speed: what a test needs usually lies side by side, and no object is made. */
export class Tests {
  /** Read by the program too: most answers are there already, and a call for each would cost more than they do. */
  readonly records: Int32Array
  readonly constants: readonly CedarValue[]
  readonly traits: readonly Traits[]
  readonly takes: readonly (Taken | undefined)[]
  private readonly runs: readonly (Evaluate<boolean> | undefined)[]
  private readonly holds: readonly Form['holds'][]
  private readonly failures: (EvaluationFailure | undefined)[]
  private readonly loads: readonly Evaluate[]
  /** Of each value where it is read from, if by names alone. */
  readonly paths: readonly (Path | undefined)[]
  private readonly values: CedarValue[]
  /** The round in which a value was loaded; negative: loading failed. */
  private readonly loaded: Int32Array
  private readonly notLoaded: (EvaluationFailure | undefined)[]
  /** Of the question that was begun last. */
  round = 0

  constructor(entries: readonly Entry[], operands: readonly Node[]) {
    const loads = operands.map(({ run }) => run)
    this.records = Int32Array.from(
      entries.flatMap(({ kind, operand, constant }) => [0, kind, operand, typeof constant === 'number' ? constant : 0]),
    )
    this.constants = entries.map(({ constant }) => constant)
    this.traits = entries.map(({ traits }) => traits)
    this.takes = entries.map(({ takes }) => takes)
    this.runs = entries.map(({ run }) => run)
    this.holds = entries.map(({ holds }) => holds)
    this.failures = entries.map(() => undefined)
    this.loads = loads
    this.paths = operands.map(({ path }) => path)
    this.values = loads.map(() => false)
    this.loaded = new Int32Array(loads.length)
    this.notLoaded = loads.map(() => undefined)
  }

  /** For a new question. */
  begin(): number {
    if (this.round >= LAST_ROUND) {
      for (let at = 0; at < this.records.length; at += WIDTH) this.records[at] = 0
      this.loaded.fill(0)
      this.round = 0
    }
    this.round++
    return this.round
  }

  ask(test: number, question: CedarQuestion, round: number): Answer {
    const at = test * WIDTH
    const known = this.records[at] as number
    if (known >> BITS === round) return (known & 3) as Answer
    const kind = this.records[at + KIND] as number
    const answer = kind === RUN ? this.run(test, question) : this.look(test, kind, question, round)
    this.records[at] = (round << BITS) | answer
    return answer
  }

  private failed(test: number, error: unknown): Answer {
    // Anything else is a bug of ours: whoever asked refuses and reports it.
    if (!(error instanceof EvaluationFailure)) throw error
    this.failures[test] = error
    return FAILED
  }

  private run(test: number, question: CedarQuestion): Answer {
    try {
      return answerOf((this.runs[test] as Evaluate<boolean>)(question))
    } catch (error) {
      return this.failed(test, error)
    }
  }

  /** The value that tests look at; `ABSENT` where a guard is false, undefined where it fails. */
  valueOf(operand: number, question: CedarQuestion, round: number): CedarValue | undefined {
    if (this.loaded[operand] !== round && !this.load(operand, question, round)) return undefined
    return this.values[operand]
  }

  private load(operand: number, question: CedarQuestion, round: number): boolean {
    if (this.loaded[operand] === -round) return false
    try {
      this.values[operand] = (this.loads[operand] as Evaluate)(question)
      this.loaded[operand] = round
      return true
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error
      this.notLoaded[operand] = error
      this.loaded[operand] = -round
      return false
    }
  }

  private look(test: number, kind: number, question: CedarQuestion, round: number): Answer {
    const operand = this.records[test * WIDTH + OPERAND] as number
    if (this.loaded[operand] !== round && !this.load(operand, question, round)) {
      this.failures[test] = this.notLoaded[operand]
      return FAILED
    }
    const value = this.values[operand] as CedarValue
    if ((value as unknown) === ABSENT) return NO
    switch (kind) {
      case IS:
        if (typeof value === 'boolean') return value ? YES : NO
        break
      case NOT:
        if (typeof value === 'boolean') return value ? NO : YES
        break
      case EQUAL:
        return value === this.constants[test] ? YES : NO
      case UNEQUAL:
        return value === this.constants[test] ? NO : YES
      case IF:
      case CONTAINS:
        break
      default:
        if (typeof value === 'number') return compared(kind, value, this.records[test * WIDTH + LIMIT] as number)
    }
    return this.lookClosely(test, kind, value)
  }

  private lookClosely(test: number, kind: number, value: CedarValue): Answer {
    try {
      if (kind === IS || kind === NOT) asBool(value)
      return answerOf((this.holds[test] as Form['holds'])(value))
    } catch (error) {
      return this.failed(test, error)
    }
  }

  /** Of a test that has just answered `FAILED`. */
  failure(test: number): EvaluationFailure {
    return this.failures[test] as EvaluationFailure
  }
}

const never = (): boolean => false

/** A limit that does not lie in a record is compared by the function. */
const kindOf = ({ name, constant }: Form): number =>
  typeof constant === 'number' && name !== '==' && name !== '!=' && (constant | 0) !== constant
    ? FORMS.indexOf('if')
    : FORMS.indexOf(name)

/** Gives equal tests, and equal values that they look at, one number each. */
export class TestTable {
  readonly #entries: Entry[] = []
  readonly #numbers = new Map<unknown, number>()
  readonly #operands: Node[] = []
  readonly #operandNumbers = new Map<Node, number>()

  #operand({ operand }: Form): number {
    const known = this.#operandNumbers.get(operand)
    if (known !== undefined) return known
    this.#operandNumbers.set(operand, this.#operands.length)
    return this.#operands.push(operand) - 1
  }

  /** `name`: equal names, equal tests. */
  test(name: unknown, run: Evaluate<boolean>, traits: Traits, form?: Form): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#entries.length)
    const entry: Entry =
      form === undefined
        ? { kind: RUN, run, operand: 0, constant: false, holds: never, takes: undefined, traits }
        : {
            kind: kindOf(form),
            run: undefined,
            operand: this.#operand(form),
            constant: form.constant,
            holds: form.holds,
            takes: form.takes,
            traits,
          }
    return this.#entries.push(entry) - 1
  }

  build(): Tests {
    return new Tests(this.#entries, this.#operands)
  }
}
