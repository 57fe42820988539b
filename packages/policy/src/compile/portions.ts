/** Work that lets others have their turn. */
import { setImmediate } from 'node:timers/promises'

/** Yields between portions, ends with its result. */
export type Portions<T> = Generator<undefined, T, undefined>

/** How many policies, or buckets of them, are a portion: about a millisecond. */
export const PORTION = 100

export const atOnce = <T>(work: Portions<T>): T => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

export const inPortions = async <T>(work: Portions<T>): Promise<T> => {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    await setImmediate()
  }
}
