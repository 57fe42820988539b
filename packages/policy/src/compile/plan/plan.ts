/**
 * What one side of a question, its principal or its resource, leaves of the policies that it reaches: what is true of
 * the entity, the action and the types alone is worked out once, and the rest lies side by side in the order in which it
 * is asked.
 *
 * A plan says nothing of failures: where looking at something may fail, or finds another type than policies expect, the
 * question is evaluated policy by policy instead (`exact.ts`).
 */
import type { CedarQuestion } from '../entities.ts'
import { ALWAYS, CONJUNCTS, COUNT, ENGINE, type Groups, NAME, SCOPE } from '../layout.ts'
import { FAILED, NO, type Tests, type Traits, YES } from '../tests.ts'
import { FEW } from './cells.ts'
import { CELL_MASK, OF_PRINCIPAL, OF_RESOURCE, type Step, type Steps } from './steps.ts'
import { type Branch, TooLarge, writeTree } from './tree.ts'

/**
 * First the number of segments, and of the entity's own traits: how many are known, which hold, which fail. Then for each
 * segment: test of the scope, its cells as bits, traits of the principal and of the resource that it asks for, where the
 * cells begin that are beyond the bits, where its forbids, where its permits, where it ends, and whether its permits may
 * fail. Then the segments themselves.
 */
export type Plan = Int32Array

export const SEGMENTS = 0
export const KNOWN_TRAITS = 1
export const TRAITS = 2
export const FAILING_TRAITS = 3
/** Where the first segment's head is. */
export const HEADS = 4
export const SEGMENT = 9
export const S_SCOPE = 0
export const S_FEW = 1
export const S_PRINCIPAL = 2
export const S_RESOURCE = 3
export const S_MORE = 4
export const S_FORBIDS = 5
export const S_PERMITS = 6
export const S_END = 7
export const S_MAY_FAIL = 8

/** More policies on one side are not planned: each entity has a plan of its own. */
const MOST = 2048

interface Segment {
  readonly scope: number
  readonly cells: Set<number>
  principal: number
  resource: number
  readonly forbids: Branch[]
  readonly permits: Branch[]
}

export interface Side {
  readonly policies: Int32Array
  readonly tests: Tests
  readonly steps: Steps
  readonly groups: Groups
  /** Action constraints that hold. */
  readonly actions: Uint8Array
  /** Bits of what is known of the question beside action and types: the entity that the plan is for. */
  readonly known: number
  readonly question: CedarQuestion
  readonly round: number
}

/** Only cedar-wasm can say, or there are too many. */
class NotPlanned extends Error {}

class Planner {
  readonly #side: Side
  readonly #segments = new Map<number, Segment>()
  #count = 0

  constructor(side: Side) {
    this.#side = side
  }

  /** Undefined: it depends on more than is known, or fails. */
  #answer(test: number): boolean | undefined {
    const { tests, known, question, round } = this.#side
    const { asks, types } = tests.traits[test] as Traits
    if ((asks & ~known) !== 0 && types !== true) return undefined
    const answer = tests.ask(test, question, round)
    return answer === FAILED ? undefined : answer === YES
  }

  #segment(scope: number): Segment {
    const known = this.#segments.get(scope)
    if (known !== undefined) return known
    const made = { scope, cells: new Set<number>(), principal: 0, resource: 0, forbids: [], permits: [] }
    this.#segments.set(scope, made)
    return made
  }

  #policy(at: number): void {
    const { policies, steps, known } = this.#side
    const count = policies[at + COUNT] as number
    let scope = policies[at + SCOPE] as number
    const answer = scope === ALWAYS ? true : this.#answer(scope)
    if (answer === false) return
    if (answer === true) scope = ALWAYS
    if (count === ENGINE || this.#count++ > MOST) throw new NotPlanned()
    const left: Step[] = []
    let name: number | undefined = policies[at + NAME] as number
    const segment = this.#segment(scope)
    for (let index = 0; index < count && name !== undefined; index++) {
      const test = policies[at + CONJUNCTS + index] as number
      const holds = this.#answer(test)
      if (holds === undefined) left.push(steps.of(test, known))
      else if (!holds) name = undefined
    }
    for (const { does, than, cell } of left) {
      if (cell > CELL_MASK) throw new NotPlanned()
      if (cell >= 0) segment.cells.add(cell)
      if (does === OF_PRINCIPAL) segment.principal |= than
      if (does === OF_RESOURCE) segment.resource |= than
    }
    if (name === undefined && !left.some(({ mayFail }) => mayFail)) return
    const isPermit = ((policies[at + NAME] as number) & 1) === 1
    ;(isPermit ? segment.permits : segment.forbids).push({ steps: left, name })
  }

  #groups(): void {
    const { groups, policies, actions } = this.#side
    for (let group = 0; group < groups.length; group += 3) {
      if (actions[groups[group] as number] === 0) continue
      let at = groups[group + 1] as number
      const end = groups[group + 2] as number
      while (at < end) {
        this.#policy(at)
        at += CONJUNCTS + Math.max(0, policies[at + COUNT] as number)
      }
    }
  }

  make(): Plan {
    this.#groups()
    const segments = [...this.#segments.values()]
    const code: number[] = [segments.length, 0, 0, 0, ...segments.flatMap(() => Array<number>(SEGMENT).fill(0))]
    for (const [index, { scope, cells, principal, resource, forbids, permits }] of segments.entries()) {
      const head = HEADS + index * SEGMENT
      code[head + S_SCOPE] = scope
      code[head + S_PRINCIPAL] = principal
      code[head + S_RESOURCE] = resource
      code[head + S_FEW] = [...cells].filter((cell) => cell < FEW).reduce((bits, cell) => bits | (1 << cell), 0)
      code[head + S_MORE] = code.length
      for (const cell of cells) if (cell >= FEW) code.push(cell)
      code[head + S_FORBIDS] = code.length
      writeTree(forbids, code)
      code[head + S_PERMITS] = code.length
      writeTree(permits, code)
      code[head + S_END] = code.length
      code[head + S_MAY_FAIL] = permits.some(({ steps }) => steps.some(({ mayFail }) => mayFail)) ? 1 : 0
    }
    return Int32Array.from(code)
  }
}

/** Undefined: this side cannot be planned. */
export const makePlan = (side: Side): Plan | undefined => {
  try {
    return new Planner(side).make()
  } catch (error) {
    if (error instanceof NotPlanned || error instanceof TooLarge) return undefined
    throw error
  }
}

/** Works out what plans of the other side have asked for since: what is true of this entity alone. */
export const learnTraits = (
  plan: Plan,
  traits: readonly number[],
  tests: Tests,
  question: CedarQuestion,
  round: number,
): void => {
  for (let index = plan[KNOWN_TRAITS] as number; index < traits.length; index++) {
    const answer = tests.ask(traits[index] as number, question, round)
    const where = answer === FAILED ? FAILING_TRAITS : TRAITS
    if (answer !== NO) plan[where] = (plan[where] as number) | (1 << index)
  }
  plan[KNOWN_TRAITS] = traits.length
}
