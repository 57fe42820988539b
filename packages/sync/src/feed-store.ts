/** The feed as rows, behind a port, and a source over it for the process that has the rows. */
import type { FeedEntry, FeedSource } from './types.ts'

/** When it cannot answer it throws; every node's lease then runs out. */
export interface FeedStore {
  /** In order, without a gap, at most `limit`. */
  entriesAfter(number: number, limit: number): Promise<readonly FeedEntry[]>
  /** Number of the last entry; 0 when there is none. */
  head(): Promise<number>
  /** Of the last epoch entry; 0 when there is none. */
  epoch(): Promise<number>
  /**
   * Calls the listener when there may be new entries; returns how to stop. A call too many costs a read, a call that is
   * lost costs the rest of the wait.
   */
  onAppend(listener: () => void): () => void
}

export interface StoreSourceOptions {
  /** Entries in one answer. Default 1,000. */
  readonly limit?: number
}

interface Wait {
  readonly over: Promise<void>
  end(): void
}

const waitForAppend = (store: FeedStore, waitMs: number, signal: AbortSignal): Wait => {
  let end: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    const stop = store.onAppend(() => end())
    const timer = setTimeout(() => end(), waitMs)
    end = () => {
      clearTimeout(timer)
      stop()
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end, { once: true })
  })
  return { over, end }
}

/**
 * INVARIANT: head is read before the entries, so that an answer never claims entries that it does not hold: with
 * fewer than `limit` entries, everything up to the head that is told has been told.
 */
const answer = async (store: FeedStore, from: number, limit: number): ReturnType<FeedSource['poll']> => {
  const head = await store.head()
  const entries = head === from ? [] : await store.entriesAfter(from, limit)
  return { entries, head: Math.max(head, entries.at(-1)?.number ?? head), epoch: await store.epoch() }
}

/** A source over the rows of the same process, or behind the HTTP handler. A waiting poll is answered at once. */
export const createStoreSource = (store: FeedStore, options: StoreSourceOptions = {}): FeedSource => {
  const limit = options.limit ?? 1_000
  return {
    poll: async (from, waitMs, signal) => {
      if (waitMs <= 0) return answer(store, from, limit)
      // NOTE: listening starts before the first reading; an entry that commits in between ends the wait.
      const wait = waitForAppend(store, waitMs, signal)
      try {
        const first = await answer(store, from, limit)
        if (first.entries.length > 0 || first.head !== from) return first
        await wait.over
        return await answer(store, from, limit)
      } finally {
        wait.end()
      }
    },
  }
}
