/** Decisions of a generator, so that it can be written as plain code; fast-check makes and repeats them. */
import fc from 'fast-check'

export interface Choice {
  /** 0 to `most`. */
  number(most: number): number
  pick<T>(list: readonly T[]): T
  /** True in `percent` of a hundred. */
  chance(percent: number): boolean
  times<T>(least: number, most: number, make: (index: number) => T): T[]
}

const choiceOf = (next: (most: number) => number): Choice => {
  const pick = <T>(list: readonly T[]): T => list[next(list.length - 1)] as T
  return {
    number: next,
    pick,
    chance: (percent) => next(99) < percent,
    times: (least, most, make) => Array.from({ length: least + next(most - least) }, (_, index) => make(index)),
  }
}

/** Every number as often as another: by itself fast-check prefers the ends. */
const upTo = (most: number): fc.Arbitrary<number> => fc.noBias(fc.nat({ max: most }))

/** What `make` generates, as an arbitrary. */
export const generated = <T>(make: (choice: Choice) => T): fc.Arbitrary<T> =>
  fc.gen().map((g) => make(choiceOf((most) => g(upTo, most))))
