/** Tests as steps of a plan. */
import { PRINCIPAL, RESOURCE, type Taken } from '../node.ts'
import {
  CONTAINS,
  EQUAL,
  IF,
  IS,
  KIND,
  LESS,
  LESS_OR_EQUAL,
  LIMIT,
  MORE,
  MORE_OR_EQUAL,
  NOT,
  OPERAND,
  RUN,
  type Tests,
  UNEQUAL,
  WIDTH,
} from '../tests.ts'
import type { CedarValue } from '../values.ts'
import { ANYTHING, BITS_AT_MOST, BOOLEAN, type Cells, LITERAL, LONG, MEMBERS, SET, STRING } from './cells.ts'

/** What a step does with its cell. `ASK` asks a test; `HOLDS` says that a policy holds. */
export const BELOW = 0
export const UP_TO = 1
export const ABOVE = 2
export const FROM = 3
export const SAME = 4
export const OTHER_THAN = 5
export const AMONG = 6
export const ASK = 7
export const HOLDS = 8
/** What is true of the other side's entity alone: bits that its plan holds. */
export const OF_PRINCIPAL = 9
export const OF_RESOURCE = 10

/**
 * A step is two numbers. First what it does (4 bits), with which cell (12 bits) and how far away the next step is if it is
 * not so (16 bits); then what the cell is compared with, or the number of the test or policy.
 */
export const STEP = 2
export const DOES_MASK = 0xf
export const CELL_SHIFT = 4
export const CELL_MASK = 0xfff
export const JUMP_SHIFT = 16
export const FARTHEST = 0xffff

export interface Step {
  readonly does: number
  /** What the cell is compared with; test of `ASK`. */
  readonly than: number
  /** What must hold a value of the right type before the step is taken; negative: nothing. */
  readonly cell: number
  readonly mayFail: boolean
}

const LIMITS: ReadonlyMap<number, number> = new Map([
  [LESS, BELOW],
  [LESS_OR_EQUAL, UP_TO],
  [MORE, ABOVE],
  [MORE_OR_EQUAL, FROM],
])

const VIEWS: Readonly<Record<Taken, number>> = { long: LONG, string: STRING, set: SET, anything: ANYTHING }

const compare = (does: number, cell: number, than: number): Step => ({ does, than, cell, mayFail: false })

const TRAITS_AT_MOST = 31

export class Steps {
  /** Tests that look at one entity alone, as far as plans of the other side ask for them: each has a bit. */
  readonly principalTraits: number[] = []
  readonly resourceTraits: number[] = []
  readonly #tests: Tests
  readonly #cells: Cells
  readonly #made = new Map<number, Step>()
  readonly #traits = new Map<number, Step>()

  constructor(tests: Tests, cells: Cells) {
    this.#tests = tests
    this.#cells = cells
  }

  /** `side`: bits of what the plan is for. */
  of(test: number, side: number): Step {
    const asks = this.#tests.traits[test]?.asks
    if (asks === PRINCIPAL && side !== PRINCIPAL) return this.#trait(test, OF_PRINCIPAL, this.principalTraits)
    if (asks === RESOURCE && side !== RESOURCE) return this.#trait(test, OF_RESOURCE, this.resourceTraits)
    return this.#usual(test)
  }

  #trait(test: number, does: number, traits: number[]): Step {
    const known = this.#traits.get(test)
    if (known !== undefined) return known
    if (traits.length >= TRAITS_AT_MOST) return this.#usual(test)
    const made = { does, than: 1 << (traits.push(test) - 1), cell: -1, mayFail: false }
    this.#traits.set(test, made)
    return made
  }

  #usual(test: number): Step {
    const known = this.#made.get(test)
    if (known !== undefined) return known
    const made = this.#make(test)
    this.#made.set(test, made)
    return made
  }

  #make(test: number): Step {
    const { records, constants } = this.#tests
    const kind = records[test * WIDTH + KIND] as number
    const operand = records[test * WIDTH + OPERAND] as number
    if (kind === RUN || kind === IF) return this.#ask(test, kind, operand)
    if (kind === IS || kind === NOT) return compare(SAME, this.#cells.cell(operand, BOOLEAN), kind === IS ? 1 : 0)
    if (kind === EQUAL || kind === UNEQUAL) {
      const cell = this.#cells.cell(operand, LITERAL)
      const literal = this.#cells.literal(cell, constants[test] as CedarValue)
      return compare(kind === EQUAL ? SAME : OTHER_THAN, cell, literal)
    }
    if (kind === CONTAINS) {
      const cell = this.#cells.cell(operand, MEMBERS)
      const literal = this.#cells.literal(cell, constants[test] as CedarValue)
      return literal < BITS_AT_MOST ? compare(AMONG, cell, 1 << literal) : this.#ask(test, IF, operand)
    }
    const limit = records[test * WIDTH + LIMIT] as number
    return compare(LIMITS.get(kind) as number, this.#cells.cell(operand, LONG), limit)
  }

  #ask(test: number, kind: number, operand: number): Step {
    const takes = kind === IF ? this.#tests.takes[test] : undefined
    const cell = takes === undefined ? -1 : this.#cells.cell(operand, VIEWS[takes])
    const mayFail = takes === undefined && this.#tests.traits[test]?.total !== true
    return { does: ASK, than: test, cell, mayFail }
  }
}
