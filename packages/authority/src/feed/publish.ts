/** Appending to the inside feed, inside the batch that makes the change true. */
import type { Statement } from '@credence/db'
import type { DomainId } from '@credence/model'
import type { FeedChange } from '@credence/sync'

const bodyOf = (change: FeedChange): string => {
  const { kind: _, ...body } = change
  return JSON.stringify(body)
}

/**
 * Two statements; the first returns the entry's number. INVARIANT: the number comes from one row that stays locked
 * until the batch commits, never from a sequence: numbers have no gap, and 11 is never visible before 10.
 *
 * NOTE: every change of a domain passes that row; put these last in the batch, so that it is locked shortest.
 */
export const publishStatements = (domain: DomainId, change: FeedChange, at: number): readonly Statement[] => [
  {
    sql: `INSERT INTO feed_head (domain, number) VALUES (?, 1)
      ON CONFLICT (domain) DO UPDATE SET number = feed_head.number + 1 RETURNING number`,
    parameters: [domain],
    expect: { rows: 1, conflict: 'feed_head' },
  },
  {
    sql: `INSERT INTO feed (domain, number, at, kind, body)
      SELECT domain, number, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT) FROM feed_head WHERE domain = ?`,
    parameters: [Math.floor(at), change.kind, bodyOf(change), domain],
    expect: { rows: 1, conflict: 'feed_head' },
  },
]

/** The number of the last entry, for a batch that puts it into a token: 0 rows before the first entry. */
export const headStatement = (domain: DomainId): Statement => ({
  sql: 'SELECT number FROM feed_head WHERE domain = ?',
  parameters: [domain],
})
