/** The ledger out of the database into a folder in which `credence audit verify` finds what it finds in files. */
import type { Database, Row } from '@credence/db'
import { refused } from '@credence/kit'
import { exportLog } from '@credence/ledger'
import { parseVerifierKey } from '@credence/protocol/c2sp'
import { sql } from '../sql.ts'
import { createLedgerRows } from './rows.ts'

export interface ExportChoice {
  /** The C2SP verifier key: the log that it names is copied, with its newest checkpoint. */
  readonly key?: string
  readonly domain?: string
}

/**
 * Reads only. INVARIANT: who can write the rows does not choose which log is examined: it is the only one that the key
 * names, and of several that nobody names, none.
 */
export const exportLedger = async (db: Database, dir: string, choice: ExportChoice = {}): Promise<void> => {
  const row = await chosen(db, choice)
  const origin = {
    origin: String(row.origin),
    root: new Uint8Array(32),
    signature: row.first_signature as Uint8Array,
  }
  const rows = createLedgerRows(db, row.domain as Parameters<typeof createLedgerRows>[1])
  await exportLog({ origin, rows, ...(choice.key === undefined ? {} : { key: choice.key }) }, dir)
}

const chosen = async (db: Database, { key, domain }: ExportChoice): Promise<Row> => {
  const all = await db.read(sql('SELECT domain, origin, first_signature FROM ledger_heads'))
  const origin = key === undefined ? undefined : parseVerifierKey(key.trim()).name
  const found = all.filter(
    (row) => (domain === undefined || row.domain === domain) && (origin === undefined || row.origin === origin),
  )
  const [row] = found
  if (row === undefined) throw none(all, origin)
  if (found.length > 1) {
    const domains = found.map((one) => String(one.domain)).join(', ')
    throw refused(
      'ledger_ambiguous',
      `This database holds ${found.length} ledgers${origin === undefined ? '' : ` that call themselves ${origin}`} (${domains}), and only one is the domain's. Find out who wrote the other into ledger_heads.`,
    )
  }
  return row
}

const none = (all: readonly Row[], origin: string | undefined) =>
  all.length === 0 || origin === undefined
    ? refused('ledger_none', 'There is no ledger in this database. Start the domain first.')
    : refused('ledger_none', `No ledger in this database is ${origin}. Give the key of the ledger that is in it.`)
