/** One node's end of marking a task: once, durably, and not before every node that still decides must know of it. */
import { type Clock, unavailable } from '@credence/kit'
import { type CallerFacts, taskOf, tasksOf } from '@credence/model'
import type { Lease } from './follower.ts'
import type { TaskMarks } from './task-marks.ts'

/** How long the mark of an agent that acts for itself counts at least after its last reading; a grant ends by itself. */
export const TASK_KEEP_MS = 86_400_000
/** So much longer than that a mark is made, so that not every reading has to write. */
export const TASK_AHEAD_MS = 3_600_000

export interface TaskMarkerOptions {
  readonly marks: TaskMarks
  readonly clock: Clock
  readonly follower: { lease(): Lease }
  /** Makes the mark durable in the domain; resolves with its end (epoch milliseconds). Rejects: nothing may be released. */
  readonly commit: (task: string) => Promise<number>
  /** Nobody but this process decides in this domain, so that it need not wait for anybody. */
  readonly alone: () => boolean
  /** The longest lease of any node. Default 750, as the follower's. */
  readonly leaseMs?: number
  /** How long a commit may take. Default 5,000. */
  readonly commitMs?: number
}

/** Implements the guard's port `Tasks`. */
export interface TaskMarker {
  mark(caller: CallerFacts): Promise<void> | undefined
  /**
   * For the decider. `matters`: something is decided by it, so that a node that cannot know whether others have marked the task
   * says yes. Otherwise only a mark that this node knows counts. Default true.
   */
  untrusted(caller: Pick<CallerFacts, 'grant' | 'clientId'>, matters?: boolean): boolean
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(unavailable('task_unmarked', 'The task could not be marked in time.')), ms)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * INVARIANT: when `mark` resolves, every node either knows the mark or has lost its lease: a node whose lease is fresh knows
 * all that was committed `leaseMs` ago, and this one waits for so long after the mark is there.
 */
export const createTaskMarker = (options: TaskMarkerOptions): TaskMarker => {
  const { marks, clock, follower, commit, alone, leaseMs = 750, commitMs = 5_000 } = options
  const running = new Map<string, Promise<void>>()

  const settle = async (task: string): Promise<void> => {
    const since = marks.get(task)?.since ?? clock.monotonic()
    const left = since + leaseMs - clock.monotonic()
    if (left > 0 && !alone()) await sleep(left)
  }

  const isLong = (task: string, caller: CallerFacts): boolean => {
    const known = marks.get(task)
    if (known === undefined) return false
    return caller.grant !== undefined || known.until - clock.now() >= TASK_KEEP_MS
  }

  const make = async (task: string): Promise<void> => {
    marks.add(task, await within(commit(task), commitMs))
    await settle(task)
  }

  return {
    mark: (caller) => {
      const task = taskOf(caller)
      if (isLong(task, caller)) {
        const since = marks.get(task)?.since ?? Number.POSITIVE_INFINITY
        return alone() || clock.monotonic() - since >= leaseMs ? undefined : settle(task)
      }
      const before = running.get(task)
      if (before !== undefined) return before
      const made = make(task).finally(() => running.delete(task))
      running.set(task, made)
      return made
    },
    untrusted: (caller, matters = true) => {
      const tasks = tasksOf(caller)
      if (!matters) return tasks.some((task) => marks.get(task) !== undefined)
      return tasks.some(marks.has) || (follower.lease() !== 'fresh' && !alone())
    },
  }
}
