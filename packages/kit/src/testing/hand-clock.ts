import type { Clock } from '../deps.ts'

/** A clock that only moves by hand. */
export interface HandClock extends Clock {
  /** Both clocks move forward. */
  advance(ms: number): void
  /** The wall clock jumps; the monotonic one does not. */
  jump(ms: number): void
}

export const handClock = (start = 1_800_000_000_000): HandClock => {
  let now = start
  let monotonic = 1_000
  return {
    now: () => now,
    monotonic: () => monotonic,
    advance: (ms) => {
      now += ms
      monotonic += ms
    },
    jump: (ms) => {
      now += ms
    },
  }
}
