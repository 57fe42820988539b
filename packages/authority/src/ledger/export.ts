/** The ledger out of the database into a folder in which `credence audit verify` finds what it finds in files. */
import type { Database } from '@credence/db'
import { refused } from '@credence/kit'
import { exportLog } from '@credence/ledger'
import { sql } from '../sql.ts'
import { createLedgerRows } from './rows.ts'

/**
 * Reads only. `key`: the C2SP verifier key, so that the newest checkpoint is copied too. `domain`: default the one domain
 * of the database.
 */
export const exportLedger = async (
  db: Database,
  dir: string,
  options: { readonly key?: string; readonly domain?: string } = {},
): Promise<void> => {
  const [row] = await db.read(
    options.domain === undefined
      ? sql('SELECT domain, origin, first_signature FROM ledger_heads ORDER BY domain LIMIT 1')
      : sql('SELECT domain, origin, first_signature FROM ledger_heads WHERE domain = ?', options.domain),
  )
  if (row === undefined) throw refused('ledger_none', 'There is no ledger in this database. Start the domain first.')
  const origin = {
    origin: String(row.origin),
    root: new Uint8Array(32),
    signature: row.first_signature as Uint8Array,
  }
  const rows = createLedgerRows(db, row.domain as Parameters<typeof createLedgerRows>[1])
  await exportLog({ origin, rows, ...(options.key === undefined ? {} : { key: options.key }) }, dir)
}
