/** What plans compare: each value of a question once, as a number. */
import { AttributeSite } from '../attributes.ts'
import type { CedarQuestion, VariableIndex } from '../entities.ts'
import { ABSENT, type Path } from '../node.ts'
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
/** No number that a cell may hold: those of values are whole. */
const WRONG = 0.5
/** Literals that may be members of a set are bits. */
export const BITS_AT_MOST = 31
/** Cells below are bits too: most sets look at no more values. */
export const FEW = 31

class Cell {
  readonly operand: number
  readonly view: number
  readonly literals = new Map<CedarValue, number>()
  /** Negative: it is not read by names alone. */
  readonly variable: VariableIndex | -1
  /** The place of the first name, and of those below it. */
  readonly first: AttributeSite
  readonly below: readonly AttributeSite[]
  readonly optional: readonly boolean[]

  constructor(operand: number, view: number, { paths }: Tests) {
    const path = paths[operand]
    const [first, ...below] = (path?.names ?? []).map((name) => new AttributeSite(name))
    this.operand = operand
    this.view = view
    this.variable = first === undefined ? -1 : (path as Path).variable
    this.first = first ?? new AttributeSite('')
    this.below = below
    this.optional = path?.optional ?? []
  }

  /** Undefined: not found by names alone. */
  read(question: CedarQuestion): CedarValue | typeof ABSENT | undefined {
    const { variable } = this
    if (variable < 0) return undefined
    const record = variable === 3 ? question.context : question.record(variable as VariableIndex)
    const value = record === undefined ? undefined : this.first.get(record)
    if (value === undefined) return this.optional[0] === true ? ABSENT : undefined
    return this.below.length === 0 ? value : this.readBelow(value)
  }

  private readBelow(from: CedarValue): CedarValue | typeof ABSENT | undefined {
    let value = from
    for (let depth = 0; depth < this.below.length; depth++) {
      if (!(value instanceof CedarRecord)) return undefined
      const next = (this.below[depth] as AttributeSite).get(value)
      if (next === undefined) return this.optional[depth + 1] === true ? ABSENT : undefined
      value = next
    }
    return value
  }

  /** `WRONG`: not a value of that type. The types that tests only look into stand for themselves. */
  numberOf(value: CedarValue): number {
    switch (this.view) {
      case LONG:
        return typeof value === 'number' ? value : WRONG
      case BOOLEAN:
        return typeof value === 'boolean' ? Number(value) : WRONG
      case LITERAL:
        return typeof value === 'object' ? OTHER : (this.literals.get(value) ?? OTHER)
      case MEMBERS:
        return value instanceof CedarSet ? this.membersOf(value) : WRONG
      case STRING:
        return typeof value === 'string' ? OTHER : WRONG
      case SET:
        return value instanceof CedarSet ? OTHER : WRONG
      default:
        return OTHER
    }
  }

  private membersOf({ items }: CedarSet): number {
    let members = 0
    for (let index = 0; index < items.length; index++) {
      const literal = this.literals.get(items[index] as CedarValue)
      if (literal !== undefined && literal < BITS_AT_MOST) members |= 1 << literal
    }
    return members
  }
}

export class Cells {
  /** A value that is absent is not a number. */
  numbers: Float64Array = new Float64Array(FEW)
  /** Which of the first few cells hold values of this round. */
  filled = 0
  /** The round that a cell's value is of. */
  rounds: Int32Array = new Int32Array(FEW)
  private readonly tests: Tests
  private readonly cells: Cell[] = []
  private readonly byName = new Map<number, number>()

  constructor(tests: Tests) {
    this.tests = tests
  }

  /** INVARIANT: called while a plan is made, before a question looks at cells. */
  cell(operand: number, view: number): number {
    const name = operand * VIEWS + view
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const cell = this.cells.push(new Cell(operand, view, this.tests)) - 1
    this.byName.set(name, cell)
    if (cell >= this.numbers.length) {
      this.numbers = new Float64Array(cell * 2)
      this.rounds = new Int32Array(cell * 2)
    }
    return cell
  }

  /** For a new question. */
  begin(): void {
    this.filled = 0
  }

  /** Number of a literal that a cell is compared with. */
  literal(cell: number, constant: CedarValue): number {
    const { literals } = this.cells[cell] as Cell
    const known = literals.get(constant)
    if (known !== undefined) return known
    literals.set(constant, literals.size)
    return literals.size - 1
  }

  /** False: looking at it fails, or it is of another type than plans expect. */
  fill(cell: number, question: CedarQuestion, round: number): boolean {
    const made = this.cells[cell] as Cell
    const value = made.read(question) ?? this.tests.valueOf(made.operand, question, round)
    const number = value === ABSENT ? Number.NaN : value === undefined ? WRONG : made.numberOf(value as CedarValue)
    if (number === WRONG) return false
    this.numbers[cell] = number
    this.rounds[cell] = round
    return true
  }
}
