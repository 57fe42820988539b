/**
 * Policies of one effect as steps: what several of them need is asked once, and where it is not so, all of them are
 * passed over.
 */
import { ABOVE, BELOW, CELL_SHIFT, FARTHEST, FROM, HOLDS, JUMP_SHIFT, STEP, type Step, UP_TO } from './steps.ts'

/** What is left of a policy: steps that must be so, and its name. */
export interface Branch {
  readonly steps: readonly Step[]
  /** Undefined: it cannot hold, and is here because one of its steps may fail. */
  readonly name: number | undefined
}

const isLowerBound = ({ does }: Step): boolean => does === ABOVE || does === FROM
const isUpperBound = ({ does }: Step): boolean => does === BELOW || does === UP_TO

/** Bounds of one value in one direction: where a wider one is not met, no narrower one is. */
const family = (step: Step): string => {
  if (isUpperBound(step)) return `up to ${step.cell}`
  if (isLowerBound(step)) return `from ${step.cell}`
  return `${step.does} ${step.cell} ${step.than}`
}

const isBound = (step: Step): boolean => isUpperBound(step) || isLowerBound(step)

/** Wider first. `<= 5` is wider than `< 5`. */
const byWidth = (a: Step, b: Step): number => {
  const order = isUpperBound(a) ? b.than - a.than : a.than - b.than
  return order === 0 ? b.does - a.does : order
}

/** What most policies need comes first, and what is of one family side by side. */
const ranking = (branches: readonly Branch[]): ReadonlyMap<Step, number> => {
  const families = new Map<string, Set<Step>>()
  const counts = new Map<string, number>()
  for (const { steps } of branches) {
    for (const step of steps) {
      const name = family(step)
      counts.set(name, (counts.get(name) ?? 0) + 1)
      const members = families.get(name)
      if (members === undefined) families.set(name, new Set([step]))
      else members.add(step)
    }
  }
  const names = [...families.keys()].sort((a, b) => (counts.get(b) as number) - (counts.get(a) as number))
  const ranks = new Map<Step, number>()
  for (const name of names) {
    for (const step of [...(families.get(name) as Set<Step>)].sort(byWidth)) ranks.set(step, ranks.size)
  }
  return ranks
}

/** INVARIANT: where a step may fail, the order is the policy's own, since one that is not so hides those behind it. */
const inOrder = ({ steps, name }: Branch, ranks: ReadonlyMap<Step, number>): Branch => {
  if (steps.some(({ mayFail }) => mayFail)) return { steps, name }
  return { steps: [...new Set(steps)].sort((a, b) => (ranks.get(a) as number) - (ranks.get(b) as number)), name }
}

const byRank =
  (ranks: ReadonlyMap<Step, number>) =>
  (a: Branch, b: Branch): number => {
    for (let depth = 0; ; depth++) {
      const first = a.steps[depth]
      const second = b.steps[depth]
      if (first === second) {
        if (first === undefined) return 0
        continue
      }
      if (first === undefined) return -1
      if (second === undefined) return 1
      return (ranks.get(first) as number) - (ranks.get(second) as number)
    }
  }

/** No step reaches as far. */
export class TooLarge extends Error {}

class Tree {
  readonly #branches: readonly Branch[]
  readonly #code: number[]

  constructor(branches: readonly Branch[], code: number[]) {
    this.#branches = branches
    this.#code = code
  }

  #at(index: number): Branch {
    return this.#branches[index] as Branch
  }

  /** The branches from `from` to `to`, which have their first `depth` steps in common. */
  write(from: number, to: number, depth: number): void {
    let at = from
    let open: { readonly first: Step; readonly steps: number[] } | undefined
    while (at < to) {
      const step = this.#at(at).steps[depth]
      if (step === undefined) {
        this.#hold(this.#at(at).name)
        at++
        continue
      }
      let end = at + 1
      while (end < to && this.#at(end).steps[depth] === step) end++
      if (open === undefined || !isBound(step) || family(open.first) !== family(step)) {
        this.#close(open?.steps)
        open = { first: step, steps: [] }
      }
      open.steps.push(this.#step(step))
      this.write(at, end, depth + 1)
      at = end
    }
    this.#close(open?.steps)
  }

  #hold(name: number | undefined): void {
    if (name !== undefined) this.#code.push(HOLDS, name)
  }

  #step({ does, cell, than }: Step): number {
    return this.#code.push(does | (Math.max(0, cell) << CELL_SHIFT), than) - STEP
  }

  #close(steps: readonly number[] = []): void {
    for (const step of steps) {
      const distance = this.#code.length - step
      if (distance > FARTHEST) throw new TooLarge()
      this.#code[step] = (this.#code[step] as number) | (distance << JUMP_SHIFT)
    }
  }
}

/** Appends the steps of these policies to `code`. */
export const writeTree = (branches: readonly Branch[], code: number[]): void => {
  const ranks = ranking(branches)
  const sorted = branches.map((branch) => inOrder(branch, ranks)).sort(byRank(ranks))
  new Tree(sorted, code).write(0, sorted.length, 0)
}
