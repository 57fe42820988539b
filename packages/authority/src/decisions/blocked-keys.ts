/** Whether a key was revoked, at any time: what is blocked stays so, while the feed speaks of what happens from now on. */
import type { Core } from '../core.ts'
import { sql } from '../sql.ts'

const REMEMBERED = 1_000

/**
 * One look-up for each key and state of the feed: whatever blocks a key is an entry of it.
 * INVARIANT: `number` is read before the rows are, so that what is blocked meanwhile is an entry above it.
 */
export const blockedKeys = (core: Pick<Core, 'db' | 'domain'>) => {
  const known = new Map<string, { readonly number: number; readonly blocked: Promise<boolean> }>()
  const read = async (key: string): Promise<boolean> => {
    const rows = await core.db.read(
      sql('SELECT 1 FROM blocked_keys WHERE domain = ? AND revocation_key = ?', core.domain.id, key),
    )
    return rows.length > 0
  }
  return (key: string, number: number): Promise<boolean> => {
    const before = known.get(key)
    if (before?.number === number) return before.blocked
    if (known.size >= REMEMBERED) known.clear()
    const asked = { number, blocked: read(key) }
    known.set(key, asked)
    asked.blocked.catch(() => {
      if (known.get(key) === asked) known.delete(key)
    })
    return asked.blocked
  }
}
