/**
 * One node's end of the feed: it polls, applies in order, knows how fresh it is, and makes a token from the future
 * wait. It persists nothing: a start reads the feed from its beginning.
 */
import { bug, type Clock, unavailable } from '@credence/kit'
import { type CallerFacts, type DomainId, revocationKeys } from '@credence/model'
import type { RevocationHandle, RevocationIndex } from './revocation-index.ts'
import type { TaskMarks } from './task-marks.ts'
import type { FeedEntry, FeedSource } from './types.ts'

export type Lease = 'fresh' | 'stale' | 'lost'

export interface FollowerOptions {
  readonly domain: DomainId
  readonly source: FeedSource
  readonly clock: Pick<Clock, 'monotonic'>
  readonly index: RevocationIndex
  /** Learns of every task that is marked, together with the revocations. */
  readonly marks?: Pick<TaskMarks, 'apply' | 'sweep'>
  /**
   * Told of every entry, in order, after the index knows it. The node has not reached the entry before this resolves;
   * if it throws, the entry is tried again and the lease runs out.
   */
  readonly onEntry?: (entry: FeedEntry) => void | Promise<void>
  /** Told of every failed poll, for the log. */
  readonly onError?: (error: unknown) => void
  /** Without an answered poll that was sent within this time, consequential operations are refused. Default 750. */
  readonly leaseMs?: number
  /** And all others after this time. Default 5,000. */
  readonly softMs?: number
  /** How long the source may wait for an entry. Default 200. */
  readonly pollWaitMs?: number
  /** How long an answer may take beyond the wait. Default 250. */
  readonly answerMs?: number
  /** How long a token that is ahead of this node waits. Default 1,000. */
  readonly catchUpMs?: number
  /** How long a call that finds no lease waits for one. Default 250. */
  readonly patienceMs?: number
}

/** Implements the guard's `Revocations` port. */
export interface Follower {
  follow(facts: CallerFacts): RevocationHandle | Promise<RevocationHandle>
  lease(): Lease
  /** Resolves when there is a fresh lease, or after `patienceMs`; never rejects. */
  renewed(): Promise<void>
  /** Resolves when the node has applied entry `number`; rejects with `unavailable` after `catchUpMs`. */
  caughtUp(number: number): Promise<void>
  /** Resolves when the node has the first lease. */
  ready(): Promise<void>
  /** Milliseconds since this node last knew all that the feed held; infinite before the first time. */
  lagMs(): number
  /** The last entry applied. */
  readonly number: number
  /** Of the last epoch entry; 0 when the feed has none. Tokens of an earlier epoch are void. */
  readonly epoch: number
  close(): Promise<void>
}

interface Waiter {
  readonly number: number
  done(error?: Error): void
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    timer.unref()
    signal.addEventListener('abort', end, { once: true })
  })

/** Rejects when the signal fires, whether or not the source listens to it. */
const orAbort = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(unavailable('feed_unanswered', 'The feed did not answer in time.'))
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    if (signal.aborted) stop()
  })

/**
 * The new entries of an answer, in order. INVARIANT: never one after a gap; what comes after a gap is left out, and
 * whether the answer says all that it should is `complete`.
 */
export const contiguous = (
  entries: readonly FeedEntry[],
  number: number,
  domain: DomainId,
): { readonly fresh: readonly FeedEntry[]; readonly gap: boolean } => {
  const fresh: FeedEntry[] = []
  for (const entry of entries) {
    if (entry.domain !== domain) throw bug('feed_foreign_entry', `entry of ${entry.domain} in the feed of ${domain}`)
    if (entry.number <= number + fresh.length) continue
    if (entry.number !== number + fresh.length + 1) return { fresh, gap: true }
    fresh.push(entry)
  }
  return { fresh, gap: false }
}

const waiters = (catchUpMs: number) => {
  const waiting = new Set<Waiter>()
  return {
    wait: (number: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const waiter: Waiter = {
          number,
          done: (error) => {
            clearTimeout(timer)
            waiting.delete(waiter)
            if (error === undefined) resolve()
            else reject(error)
          },
        }
        const timer = setTimeout(
          () => waiter.done(unavailable('feed_behind', 'This node is behind its domain. Try again.')),
          catchUpMs,
        )
        waiting.add(waiter)
      }),
    reached: (number: number): void => {
      for (const waiter of [...waiting]) if (waiter.number <= number) waiter.done()
    },
    end: (): void => {
      for (const waiter of [...waiting]) waiter.done(unavailable('feed_closed', 'This node is shutting down.'))
    },
  }
}

/** Those that wait for a lease. */
const hopes = (isFresh: () => boolean, patienceMs: number) => {
  const hoping = new Set<() => void>()
  return {
    wait: (): Promise<void> =>
      new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer)
          hoping.delete(end)
          resolve()
        }
        const timer = setTimeout(end, patienceMs)
        hoping.add(end)
      }),
    /** An answer that was sent for too long ago renews nothing. */
    answered: (): void => {
      if (isFresh()) for (const end of [...hoping]) end()
    },
    end: (): void => {
      for (const end of [...hoping]) end()
    },
  }
}

/** Asks again and again until the end; after failures a little later each time. */
const keepPolling = async (
  pollOnce: () => Promise<void>,
  ended: AbortSignal,
  onError: ((error: unknown) => void) | undefined,
): Promise<void> => {
  let failures = 0
  while (!ended.aborted) {
    try {
      await pollOnce()
      failures = 0
    } catch (error) {
      if (ended.aborted) return
      onError?.(error)
      await sleep(Math.min(250, 10 * 2 ** failures), ended)
      failures = Math.min(failures + 1, 5)
    }
  }
}

/** How far this node is. */
interface Position {
  number: number
  epoch: number
  /** When the poll was sent whose answer is applied in full; the lease counts from there. */
  knownAt: number
}

/** Takes in what one answer brings. */
const createTaking = (options: FollowerOptions, position: Position, reached: (number: number) => void) => {
  const reach = async (entry: FeedEntry): Promise<void> => {
    await options.onEntry?.(entry)
    if (entry.kind === 'epoch') position.epoch = entry.epoch
    position.number = entry.number
    reached(entry.number)
  }
  /** Revocations of the whole answer first: they only reduce, and must not wait for a policy that compiles. */
  return async (entries: readonly FeedEntry[]): Promise<{ readonly gap: boolean }> => {
    const { fresh, gap } = contiguous(entries, position.number, options.domain)
    for (const entry of fresh) {
      options.index.apply(entry)
      options.marks?.apply(entry)
    }
    for (const entry of fresh) await reach(entry)
    options.index.sweep()
    options.marks?.sweep()
    return { gap }
  }
}

const askWithin = async (
  source: FeedSource,
  number: number,
  waitMs: number,
  answerMs: number,
  ended: AbortSignal,
): ReturnType<FeedSource['poll']> => {
  const timeUp = new AbortController()
  const timer = setTimeout(() => timeUp.abort(), waitMs + answerMs)
  const signal = AbortSignal.any([timeUp.signal, ended])
  try {
    return await orAbort(source.poll(number, waitMs, signal), signal)
  } finally {
    clearTimeout(timer)
  }
}

interface Polling {
  readonly position: Position
  readonly lease: () => Lease
  readonly reached: (number: number) => void
  /** This node knows all that the source knew. */
  readonly complete: () => void
  readonly ended: AbortSignal
}

const createPoll = (options: FollowerOptions, { position, lease, reached, complete, ended }: Polling) => {
  const { clock, source, pollWaitMs = 200, answerMs = 250 } = options
  const take = createTaking(options, position, reached)
  let wentBack = false
  return async (): Promise<void> => {
    const sentAt = clock.monotonic()
    const before = position.number
    // NOTE: a node without a lease wants it now, not after a wait in which nothing happens.
    const waitMs = lease() === 'fresh' ? pollWaitMs : 0
    const answer = await askWithin(source, before, waitMs, answerMs, ended)
    const { gap } = await take(answer.entries)
    // INVARIANT: what a restored feed says under numbers that this node knows already is never read; only a start helps.
    wentBack ||= answer.head < position.number || (answer.head === position.number && answer.epoch !== position.epoch)
    if (wentBack) throw unavailable('feed_went_back', 'The feed is behind what it said before.')
    if (gap) throw unavailable('feed_gap', 'The feed has a gap.')
    // INVARIANT: the lease is renewed only by an answer after which this node knows all that the source knew.
    if (answer.head === position.number) {
      position.knownAt = sentAt
      complete()
    } else if (position.number === before) {
      throw unavailable('feed_gap', 'The feed holds back entries.')
    }
  }
}

/**
 * @example
 * const follower = createFollower({ domain, source, clock: nodeClock, index: createRevocationIndex({ clock: nodeClock }) })
 * await follower.ready()
 * const handle = await follower.follow(facts)
 * if (handle.revoked || follower.lease() !== 'fresh') throw refused('token_revoked', 'The token was revoked.')
 */
export const createFollower = (options: FollowerOptions): Follower => {
  const { domain, clock, index, leaseMs = 750, softMs = 5_000 } = options
  const waiting = waiters(options.catchUpMs ?? 1_000)
  const ended = new AbortController()
  const position: Position = { number: 0, epoch: 0, knownAt: Number.NEGATIVE_INFINITY }
  let complete: () => void = () => undefined
  const readied = new Promise<void>((resolve) => {
    complete = resolve
  })

  const lagMs = (): number => clock.monotonic() - position.knownAt
  const lease = (): Lease => {
    const age = lagMs()
    if (age >= 0 && age <= leaseMs) return 'fresh'
    return age >= 0 && age <= softMs ? 'stale' : 'lost'
  }

  const hoping = hopes(() => lease() === 'fresh', options.patienceMs ?? 250)
  const known = (): void => {
    complete()
    hoping.answered()
  }
  const poll = createPoll(options, { position, lease, reached: waiting.reached, complete: known, ended: ended.signal })
  const running = keepPolling(poll, ended.signal, options.onError)

  const caughtUp = (wanted: number): Promise<void> => {
    if (position.number >= wanted) return Promise.resolve()
    if (ended.signal.aborted) return Promise.reject(unavailable('feed_closed', 'This node is shutting down.'))
    return waiting.wait(wanted)
  }

  const register = (facts: CallerFacts): RevocationHandle =>
    index.register(revocationKeys(facts), facts.feed, facts.expiresAt * 1_000)

  return {
    lease,
    lagMs,
    caughtUp,
    renewed: async () => {
      if (lease() !== 'fresh' && !ended.signal.aborted) await hoping.wait()
    },
    ready: () => readied,
    get number() {
      return position.number
    },
    get epoch() {
      return position.epoch
    },
    follow: (facts) => {
      if (facts.domain !== domain) throw unavailable('feed_unknown_domain', 'This node does not follow that domain.')
      return position.number >= facts.feed ? register(facts) : caughtUp(facts.feed).then(() => register(facts))
    },
    close: async () => {
      ended.abort()
      waiting.end()
      hoping.end()
      await running
    },
  }
}
