/** Following plans: the path of almost every question. */
import type { CedarQuestion } from '../entities.ts'
import { ALWAYS } from '../layout.ts'
import { BITS, FAILED, type Tests, WIDTH, YES } from '../tests.ts'
import type { Cells } from './cells.ts'
import {
  FAILING_TRAITS,
  HEADS,
  type Plan,
  S_END,
  S_FEW,
  S_FORBIDS,
  S_MAY_FAIL,
  S_MORE,
  S_PERMITS,
  S_PRINCIPAL,
  S_RESOURCE,
  S_SCOPE,
  SEGMENT,
  SEGMENTS,
  TRAITS,
} from './plan.ts'
import {
  ABOVE,
  AMONG,
  ASK,
  BELOW,
  CELL_MASK,
  CELL_SHIFT,
  DOES_MASK,
  FROM,
  JUMP_SHIFT,
  OF_PRINCIPAL,
  OF_RESOURCE,
  OTHER_THAN,
  SAME,
  STEP,
  UP_TO,
} from './steps.ts'

/** Takes the names of the policies that hold. */
export interface Holding {
  holds(name: number): void
}

export class Follower {
  private readonly tests: Tests
  private readonly cells: Cells

  /** Traits of the question's principal and resource, as bits. */
  private principal = 0
  private resource = 0
  private failingPrincipal = 0
  private failingResource = 0

  constructor(tests: Tests, cells: Cells) {
    this.tests = tests
    this.cells = cells
  }

  /** For a new question. */
  begin(who: Plan, what: Plan): void {
    this.cells.begin()
    this.principal = who[TRAITS] as number
    this.failingPrincipal = who[FAILING_TRAITS] as number
    this.resource = what[TRAITS] as number
    this.failingResource = what[FAILING_TRAITS] as number
  }

  /** False: this question is not for plans. INVARIANT: then nothing that was found counts. */
  forbids(plan: Plan, into: Holding, question: CedarQuestion, round: number): boolean {
    const heads = HEADS + (plan[SEGMENTS] as number) * SEGMENT
    for (let head = HEADS; head < heads; head += SEGMENT) {
      if (!this.isMet(plan, head, question, round)) continue
      const from = plan[head + S_FORBIDS] as number
      if (!this.fill(plan, head, question, round)) return false
      if (!this.follow(plan, from, plan[head + S_PERMITS] as number, into, question, round)) return false
    }
    return true
  }

  /** After the forbids of all plans. `onlyFailing`: a forbid holds, so it matters only whether a permit fails. */
  permits(plan: Plan, into: Holding, onlyFailing: boolean, question: CedarQuestion, round: number): boolean {
    // Whoever gives entities may have asked something else meanwhile, which took the cells.
    if (this.tests.round !== round) return false
    const heads = HEADS + (plan[SEGMENTS] as number) * SEGMENT
    for (let head = HEADS; head < heads; head += SEGMENT) {
      if (onlyFailing && plan[head + S_MAY_FAIL] === 0) continue
      if (!this.isMet(plan, head, question, round)) continue
      const from = plan[head + S_PERMITS] as number
      if (!this.follow(plan, from, plan[head + S_END] as number, into, question, round)) return false
    }
    return true
  }

  private isMet(plan: Plan, head: number, question: CedarQuestion, round: number): boolean {
    const scope = plan[head + S_SCOPE] as number
    return scope === ALWAYS || this.tests.ask(scope, question, round) === YES
  }

  private fill(plan: Plan, head: number, question: CedarQuestion, round: number): boolean {
    const { cells } = this
    if (((plan[head + S_PRINCIPAL] as number) & this.failingPrincipal) !== 0) return false
    if (((plan[head + S_RESOURCE] as number) & this.failingResource) !== 0) return false
    let missing = (plan[head + S_FEW] as number) & ~cells.filled
    cells.filled |= missing
    while (missing !== 0) {
      const cell = 31 - Math.clz32(missing)
      if (!cells.fill(cell, question, round)) return false
      missing ^= 1 << cell
    }
    const end = plan[head + S_FORBIDS] as number
    for (let index = plan[head + S_MORE] as number; index < end; index++) {
      const cell = plan[index] as number
      if (cells.rounds[cell] !== round && !cells.fill(cell, question, round)) return false
    }
    return true
  }

  private follow(
    plan: Plan,
    from: number,
    end: number,
    into: Holding,
    question: CedarQuestion,
    round: number,
  ): boolean {
    const { numbers } = this.cells
    const { records } = this.tests
    const yes = (round << BITS) | YES
    let at = from
    while (at < end) {
      const step = plan[at] as number
      const than = plan[at + 1] as number
      const number = numbers[(step >> CELL_SHIFT) & CELL_MASK] as number
      let isSo = true
      switch (step & DOES_MASK) {
        case UP_TO:
          isSo = number <= than
          break
        case BELOW:
          isSo = number < than
          break
        case FROM:
          isSo = number >= than
          break
        case ABOVE:
          isSo = number > than
          break
        case SAME:
          isSo = number === than
          break
        case OTHER_THAN:
          isSo = !Number.isNaN(number) && number !== than
          break
        case AMONG:
          isSo = (number & than) !== 0
          break
        case ASK:
          if (records[than * WIDTH] !== yes) {
            const answer = this.tests.ask(than, question, round)
            if (answer === FAILED || this.tests.round !== round) return false
            isSo = answer === YES
          }
          break
        case OF_PRINCIPAL:
          isSo = (this.principal & than) !== 0
          break
        case OF_RESOURCE:
          isSo = (this.resource & than) !== 0
          break
        default:
          into.holds(than)
      }
      at += isSo ? STEP : step >>> JUMP_SHIFT
    }
    return true
  }
}
