/** `Once` in the memory of one process: two maps that take turns, so that forgetting costs nothing. */
import type { Clock } from './deps.ts'
import { unavailable } from './errors.ts'
import type { Once, OnceUse } from './once.ts'

export interface MemoryOnceOptions {
  readonly clock: Clock
  /** Claims that are held at most; beyond it claims are refused as unavailable. Default 1,000,000. */
  readonly capacity?: number
  /** The longest time into the future that a claim may ask for; default 10 minutes. */
  readonly windowMs?: number
}

/** For one process. NOTE: forgets at restart; whoever uses it must refuse what was made before the start. */
export const createMemoryOnce = (options: MemoryOnceOptions): Once & { readonly size: number } => {
  const { clock, capacity = 1_000_000, windowMs = 600_000 } = options
  let young = new Set<string>()
  let old = new Set<string>()
  let turnAt = clock.monotonic() + windowMs

  /**
   * INVARIANT: a key is forgotten at the earliest one whole window after its claim, and no claim reaches further.
   * Counted on the monotonic clock, so that a wall clock that jumps makes nobody forget.
   */
  const turn = (): void => {
    const moment = clock.monotonic()
    if (moment < turnAt) return
    old = moment < turnAt + windowMs ? young : new Set()
    young = new Set()
    turnAt = moment + windowMs
  }

  return {
    get size() {
      return young.size + old.size
    },
    claim: async (use: OnceUse, key: string, until: number): Promise<boolean> => {
      const now = clock.now()
      turn()
      if (until <= now) return false
      if (!(until - now <= windowMs))
        throw unavailable('once_window', 'Try again later.', { detail: `${use}: ${until - now} ms` })
      const name = `${use}:${key}`
      if (young.has(name) || old.has(name)) return false
      if (young.size + old.size >= capacity) throw unavailable('once_full', 'Try again later.')
      young.add(name)
      return true
    },
  }
}
