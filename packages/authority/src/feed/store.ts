/** The rows of the feed as sync's `FeedStore`. */
import type { Database, Row } from '@credence/db'
import { bug } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import type { DomainId } from '@credence/model'
import { type FeedEntry, type FeedStore, feedWire } from '@credence/sync'
import { headStatement } from './publish.ts'
import { FEED_CHANNEL } from './tables.ts'

export interface DbFeedStoreOptions {
  /** While somebody waits, the head is read this often, so that a lost notification costs so much. Default 100. */
  readonly pollEveryMs?: number
}

export interface DbFeedStore extends FeedStore {
  /** Tells those who wait in this process; called after a batch that published. Forgetting it costs `pollEveryMs`. */
  announce(): void
  close(): void
}

/** PostgreSQL can tell about other nodes; SQLite has none. */
type Listens = { listen(channel: string, listener: (payload: string) => void): () => void }
const listens = (db: object): db is Listens => 'listen' in db && typeof db.listen === 'function'

/** INVARIANT: what comes out of the rows is checked as if it came from outside; a damaged row stops the feed. */
const toEntry = (domain: DomainId, row: Row): unknown => {
  const body = parseStrict(String(row.body))
  if (typeof body !== 'object' || body === null) throw bug('feed_row_damaged', `entry ${String(row.number)}`)
  return { ...body, domain, number: row.number, at: row.at, kind: row.kind }
}

const readEntries = (domain: DomainId, rows: readonly Row[]): readonly FeedEntry[] =>
  feedWire.decodeAnswer(JSON.stringify({ entries: rows.map((row) => toEntry(domain, row)), head: 0, epoch: 0 })).entries

/** While somebody waits: reads the head now and then, and tells when it moved. */
const createLooking = (head: () => Promise<number>, announce: () => void, everyMs: number) => {
  let timer: NodeJS.Timeout | undefined
  let seen = -1
  let reading = false
  const look = async (): Promise<void> => {
    if (reading) return
    reading = true
    try {
      const now = await head()
      if (now !== seen) announce()
      seen = now
    } catch {
      // NOTE: those who wait ask again themselves when their time is up, and then see the outage.
    } finally {
      reading = false
    }
  }
  return {
    start: (): void => {
      timer ??= setInterval(() => void look(), everyMs).unref()
    },
    stop: (): void => {
      clearInterval(timer)
      timer = undefined
    },
  }
}

/** The epoch in force: looked up once, and again when an entry that is read begins another. */
const createEpoch = (db: Database, domain: DomainId) => {
  let known: Promise<number> | undefined
  const read = async (): Promise<number> => {
    const rows = await db.read({
      sql: `SELECT number, at, kind, body FROM feed WHERE domain = ? AND kind = 'epoch' ORDER BY number DESC LIMIT 1`,
      parameters: [domain],
    })
    const [entry] = readEntries(domain, rows)
    return entry?.kind === 'epoch' ? entry.epoch : 0
  }
  const forget = (): void => {
    known = undefined
  }
  const current = (): Promise<number> => {
    known ??= read().catch((error: unknown) => {
      forget()
      throw error
    })
    return known
  }
  return { current, forget }
}

export const createDbFeedStore = (db: Database, domain: DomainId, options: DbFeedStoreOptions = {}): DbFeedStore => {
  const listeners = new Set<() => void>()

  const announce = (): void => {
    for (const listener of [...listeners]) listener()
  }

  const head = async (): Promise<number> => Number((await db.read(headStatement(domain)))[0]?.number ?? 0)

  const epoch = createEpoch(db, domain)

  const looking = createLooking(head, announce, options.pollEveryMs ?? 100)
  const stopListening = listens(db)
    ? db.listen(FEED_CHANNEL, (payload) => {
        if (payload === '' || payload === domain) announce()
      })
    : undefined

  return {
    announce,
    head,
    epoch: epoch.current,
    entriesAfter: async (number, limit) => {
      const rows = await db.read({
        sql: 'SELECT number, at, kind, body FROM feed WHERE domain = ? AND number > ? ORDER BY number LIMIT ?',
        parameters: [domain, number, limit],
      })
      const entries = readEntries(domain, rows)
      if (entries.some(({ kind }) => kind === 'epoch')) epoch.forget()
      return entries
    },
    onAppend: (listener) => {
      listeners.add(listener)
      looking.start()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) looking.stop()
      }
    },
    close: () => {
      looking.stop()
      stopListening?.()
      listeners.clear()
    },
  }
}
