/** The ledger of a domain on PostgreSQL as a folder, with what lies beside the data: for `audit verify` and `audit export`. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WITNESSED_FILE } from '@credence/audit'
import type { Settings } from '../settings.ts'

type Where = Pick<Settings, 'dataDir' | 'databaseUrl' | 'databaseSchema'>

const ledgerFolder = ({ dataDir }: Where): string => join(dataDir, 'ledger')

/** Reads the database of this host's settings; nothing needs to run. */
export const copyLedger = async (settings: Where, url: string, dir: string, key: string | undefined): Promise<void> => {
  const { exportLedger } = await import('@credence/authority')
  const { openPostgres } = await import('@credence/db')
  const schema = settings.databaseSchema === undefined ? {} : { schema: settings.databaseSchema }
  const db = await openPostgres({ url, ...schema })
  try {
    await exportLedger(db, dir, key === undefined ? {} : { key })
  } finally {
    await db.close()
  }
  const witnessed = join(ledgerFolder(settings), WITNESSED_FILE)
  if (existsSync(witnessed)) copyFileSync(witnessed, join(dir, WITNESSED_FILE))
}

/** What this node has seen last, kept outside of the database. Read before the database, which may grow meanwhile. */
const seenHere = (settings: Where): readonly string[] => {
  const file = join(ledgerFolder(settings), 'checkpoint')
  return existsSync(file) ? [readFileSync(file, 'utf8')] : []
}

/** The folder of the domain's ledger: where it lies, or a copy of the rows that goes again. */
export const withLedgerFolder = async <T>(
  settings: Where,
  key: string,
  use: (folder: string, seen: readonly string[]) => Promise<T>,
): Promise<T> => {
  if (settings.databaseUrl === undefined) return use(ledgerFolder(settings), [])
  const seen = seenHere(settings)
  const dir = mkdtempSync(join(tmpdir(), 'credence-verify-'))
  try {
    await copyLedger(settings, settings.databaseUrl, dir, key)
    return await use(dir, seen)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
