/** A feed in memory with levers, for tests of both ends. */
import type { DomainId } from '@credence/model'
import type { FeedStore } from '../feed-store.ts'
import type { FeedChange, FeedEntry } from '../types.ts'

export interface MemoryFeed extends FeedStore {
  append(change: FeedChange): FeedEntry
  readonly entries: FeedEntry[]
}

export const memoryFeed = (domain: DomainId, now: () => number): MemoryFeed => {
  const entries: FeedEntry[] = []
  const listeners = new Set<() => void>()
  return {
    entries,
    append: (change) => {
      const entry: FeedEntry = { domain, number: entries.length + 1, at: now(), ...change }
      entries.push(entry)
      for (const listener of [...listeners]) listener()
      return entry
    },
    entriesAfter: async (number, limit) => entries.slice(number, number + limit),
    head: async () => entries.length,
    epoch: async () => entries.findLast((entry) => entry.kind === 'epoch')?.epoch ?? 0,
    onAppend: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
