/** What plans compare: each value of a question once, as a number. */
import { AttributeSite } from '../attributes.ts'
import type { CedarQuestion, VariableIndex } from '../entities.ts'
import { ABSENT } from '../node.ts'
import type { Tests } from '../tests.ts'
import { CedarRecord, CedarSet, type CedarValue } from '../values.ts'

/** How a value is looked at. What is not of that type is not for plans. `LITERAL`, `MEMBERS`: as numbers of literals. */
export const LONG = 0
export const BOOLEAN = 1
export const LITERAL = 2
export const MEMBERS = 3
export const STRING = 4
export const SET = 5
export const ANYTHING = 6
const VIEWS = 7

/** No literal is numbered so. */
const OTHER = -1
/** Literals that may be members of a set are bits. */
export const BITS_AT_MOST = 31

class Cell {
  readonly operand: number
  readonly view: number
  readonly literals = new Map<CedarValue, number>()
  /** Negative: it is not read by names alone. */
  readonly variable: VariableIndex | -1
  readonly sites: readonly AttributeSite[]
  readonly optional: readonly boolean[]

  constructor(operand: number, view: number, { paths }: Tests) {
    const path = paths[operand]
    this.operand = operand
    this.view = view
    this.variable = path === undefined || path.names.length === 0 ? -1 : path.variable
    this.sites = (path?.names ?? []).map((name) => new AttributeSite(name))
    this.optional = path?.optional ?? []
  }

  /** Undefined: not found by names alone. */
  read(question: CedarQuestion): CedarValue | typeof ABSENT | undefined {
    if (this.variable < 0) return undefined
    let record = question.record(this.variable as VariableIndex)
    for (let depth = 0; ; depth++) {
      const value = record === undefined ? undefined : (this.sites[depth] as AttributeSite).get(record)
      if (value === undefined) return this.optional[depth] === true ? ABSENT : undefined
      if (depth === this.sites.length - 1) return value
      if (!(value instanceof CedarRecord)) return undefined
      record = value
    }
  }

  /** Undefined: not a value of that type. The types that tests only look into stand for themselves. */
  numberOf(value: CedarValue): number | undefined {
    switch (this.view) {
      case LONG:
        return typeof value === 'number' ? value : undefined
      case BOOLEAN:
        return typeof value === 'boolean' ? Number(value) : undefined
      case LITERAL:
        return typeof value === 'object' ? OTHER : (this.literals.get(value) ?? OTHER)
      case MEMBERS:
        return value instanceof CedarSet ? this.membersOf(value) : undefined
      case STRING:
        return typeof value === 'string' ? OTHER : undefined
      case SET:
        return value instanceof CedarSet ? OTHER : undefined
      default:
        return OTHER
    }
  }

  private membersOf({ items }: CedarSet): number {
    let members = 0
    for (const item of items) {
      const literal = typeof item === 'object' ? undefined : this.literals.get(item)
      if (literal !== undefined && literal < BITS_AT_MOST) members |= 1 << literal
    }
    return members
  }
}

export class Cells {
  /** Two numbers for each cell: its value and the round that it is of. A value that is absent is not a number. */
  numbers: Float64Array = new Float64Array(64)
  readonly #tests: Tests
  readonly #cells: Cell[] = []
  readonly #byName = new Map<number, number>()

  constructor(tests: Tests) {
    this.#tests = tests
  }

  /** INVARIANT: called while a plan is made, never while one is followed. */
  cell(operand: number, view: number): number {
    const name = operand * VIEWS + view
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const cell = this.#cells.push(new Cell(operand, view, this.#tests)) - 1
    this.#byName.set(name, cell)
    if (this.#cells.length * 2 > this.numbers.length) {
      const more = new Float64Array(this.numbers.length * 2)
      more.set(this.numbers)
      this.numbers = more
    }
    return cell
  }

  /** Number of a literal that a cell is compared with. What the cell holds now was found without it. */
  literal(cell: number, constant: CedarValue): number {
    const { literals } = this.#cells[cell] as Cell
    const known = literals.get(constant)
    if (known !== undefined) return known
    this.numbers[cell * 2 + 1] = 0
    literals.set(constant, literals.size)
    return literals.size - 1
  }

  /** False: looking at it fails, or it is of another type than plans expect. */
  fill(cell: number, question: CedarQuestion, round: number): boolean {
    const made = this.#cells[cell] as Cell
    const value = made.read(question) ?? this.#tests.valueOf(made.operand, question, round)
    if (value === undefined) return false
    const number = value === ABSENT ? Number.NaN : made.numberOf(value as CedarValue)
    if (number === undefined) return false
    this.numbers[cell * 2] = number
    this.numbers[cell * 2 + 1] = round
    return true
  }
}
