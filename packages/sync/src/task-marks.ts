/**
 * Which tasks have read what strangers wrote: task -> until when it counts. Asking is one look into a Map.
 *
 * INVARIANT: forgetting never permits anything. A mark goes only when its time is over; where there are more than fit,
 * every task counts as marked until the last of those that did not fit would have ended.
 */
import type { Clock } from '@credence/kit'
import type { FeedEntry } from './types.ts'

export interface TaskMarksOptions {
  readonly clock: Clock
  /** Default 1e6. */
  readonly maxMarks?: number
  /** Between clocks of nodes: a mark is kept so much longer. Default 60 s. */
  readonly skewMs?: number
}

export interface TaskMark {
  /** Epoch milliseconds. */
  readonly until: number
  /** Monotonic time at which this node learned of it. */
  readonly since: number
}

export interface TaskMarks {
  apply(entry: FeedEntry): void
  /** A mark that is committed. One that is known already only becomes longer. */
  add(task: string, until: number): void
  has(task: string): boolean
  get(task: string): TaskMark | undefined
  /** Forgets what is over, at most once a minute; called by whoever polls. */
  sweep(): void
  readonly size: number
}

const SWEEP_MS = 60_000

export const createTaskMarks = (options: TaskMarksOptions): TaskMarks => {
  const { clock, maxMarks = 1_000_000, skewMs = 60_000 } = options
  const marks = new Map<string, TaskMark>()
  /** Until when every task counts as marked. */
  let everyUntil = 0
  let swept = clock.monotonic()

  const add = (task: string, until: number): void => {
    if (until + skewMs <= clock.now()) return
    const known = marks.get(task)
    if (known === undefined && marks.size >= maxMarks) everyUntil = Math.max(everyUntil, until + skewMs)
    else if (known === undefined) marks.set(task, { until, since: clock.monotonic() })
    else if (known.until < until) marks.set(task, { until, since: known.since })
  }

  return {
    add,
    apply: (entry) => {
      if (entry.kind === 'task') add(entry.task, entry.until)
    },
    has: (task) => marks.has(task) || everyUntil > 0,
    get: (task) => marks.get(task),
    sweep: () => {
      if (clock.monotonic() - swept < SWEEP_MS) return
      swept = clock.monotonic()
      const now = clock.now()
      if (everyUntil <= now) everyUntil = 0
      for (const [task, { until }] of marks) if (until + skewMs <= now) marks.delete(task)
    },
    get size() {
      return marks.size
    },
  }
}
