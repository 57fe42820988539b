/** Following plans: the path of almost every question. */
import type { CedarQuestion } from '../entities.ts'
import { ALWAYS } from '../layout.ts'
import { BITS, FAILED, type Tests, WIDTH, YES } from '../tests.ts'
import type { Cells } from './cells.ts'
import { type Plan, S_ACTION, S_CELLS, S_END, S_FORBIDS, S_MAY_FAIL, S_PERMITS, S_SCOPE, SEGMENT } from './plan.ts'
import { ABOVE, AMONG, ASK, BELOW, FROM, OTHER_THAN, SAME, STEP, UP_TO } from './steps.ts'

/** Takes the names of the policies that hold. */
export interface Holding {
  holds(name: number): void
}

export class Follower {
  private readonly tests: Tests
  private readonly cells: Cells

  constructor(tests: Tests, cells: Cells) {
    this.tests = tests
    this.cells = cells
  }

  /** False: this question is not for plans. INVARIANT: then nothing that was found counts. */
  forbids(plan: Plan, into: Holding, actions: Uint8Array, question: CedarQuestion, round: number): boolean {
    const heads = 1 + (plan[0] as number) * SEGMENT
    for (let head = 1; head < heads; head += SEGMENT) {
      if (!this.isMet(plan, head, actions, question, round)) continue
      const from = plan[head + S_FORBIDS] as number
      if (!this.fill(plan, plan[head + S_CELLS] as number, from, question, round)) return false
      if (!this.follow(plan, from, plan[head + S_PERMITS] as number, into, question, round)) return false
    }
    return true
  }

  /** After the forbids of all plans. `onlyFailing`: a forbid holds, so it matters only whether a permit fails. */
  permits(
    plan: Plan,
    into: Holding,
    onlyFailing: boolean,
    actions: Uint8Array,
    question: CedarQuestion,
    round: number,
  ): boolean {
    // Whoever gives entities may have asked something else meanwhile, which took the cells.
    if (this.tests.round !== round) return false
    const heads = 1 + (plan[0] as number) * SEGMENT
    for (let head = 1; head < heads; head += SEGMENT) {
      if (onlyFailing && plan[head + S_MAY_FAIL] === 0) continue
      if (!this.isMet(plan, head, actions, question, round)) continue
      const from = plan[head + S_PERMITS] as number
      if (!this.follow(plan, from, plan[head + S_END] as number, into, question, round)) return false
    }
    return true
  }

  private isMet(plan: Plan, head: number, actions: Uint8Array, question: CedarQuestion, round: number): boolean {
    if (actions[plan[head + S_ACTION] as number] === 0) return false
    const scope = plan[head + S_SCOPE] as number
    return scope === ALWAYS || this.tests.ask(scope, question, round) === YES
  }

  private fill(plan: Plan, at: number, end: number, question: CedarQuestion, round: number): boolean {
    const { numbers } = this.cells
    for (let index = at; index < end; index++) {
      const cell = plan[index] as number
      if (numbers[cell * 2 + 1] !== round && !this.cells.fill(cell, question, round)) return false
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
      const what = plan[at + 1] as number
      let isSo: boolean
      switch (plan[at]) {
        case UP_TO:
          isSo = (numbers[what * 2] as number) <= (plan[at + 2] as number)
          break
        case BELOW:
          isSo = (numbers[what * 2] as number) < (plan[at + 2] as number)
          break
        case FROM:
          isSo = (numbers[what * 2] as number) >= (plan[at + 2] as number)
          break
        case ABOVE:
          isSo = (numbers[what * 2] as number) > (plan[at + 2] as number)
          break
        case SAME:
          isSo = (numbers[what * 2] as number) === (plan[at + 2] as number)
          break
        case OTHER_THAN: {
          const number = numbers[what * 2] as number
          isSo = !Number.isNaN(number) && number !== (plan[at + 2] as number)
          break
        }
        case AMONG:
          isSo = ((numbers[what * 2] as number) & (plan[at + 2] as number)) !== 0
          break
        case ASK:
          isSo = records[what * WIDTH] === yes
          if (!isSo) {
            const answer = this.tests.ask(what, question, round)
            if (answer === FAILED || this.tests.round !== round) return false
            isSo = answer === YES
          }
          break
        default:
          into.holds(what)
          isSo = true
      }
      at = isSo ? at + STEP : (plan[at + 3] as number)
    }
    return true
  }
}
