import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { checkIntegrity, syncPath } from './copy.ts'
import { createPrivately, lockDatabase } from './lock.ts'

/** The log goes into the old database, which stays whole if we stop here. A damaged one has nothing left to lose. */
const foldLog = (file: string): void => {
  if (!existsSync(file)) return
  try {
    const old = new DatabaseSync(file)
    try {
      old.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } finally {
      old.close()
    }
  } catch {
    rmSync(`${file}-wal`, { force: true })
  }
}

/**
 * Puts a copy made by `backup` in the place of a database that nobody has open. The copy is checked first; a crash at
 * any moment leaves either the old database or the new one.
 *
 * NOTE: a restore takes back revocations that came after the copy. Whoever calls this begins a new epoch and replays
 * them from the ledger before anybody is served.
 */
export const restoreSqlite = async (options: { readonly from: string; readonly file: string }): Promise<void> => {
  const { from, file } = options
  checkIntegrity(from)
  const unlock = lockDatabase(file)
  try {
    const fresh = `${file}-restore`
    rmSync(fresh, { force: true })
    createPrivately(fresh)
    copyFileSync(from, fresh)
    syncPath(fresh)
    foldLog(file)
    // INVARIANT: the log of the old database is gone before the new one stands there, or SQLite would apply it to it.
    rmSync(`${file}-wal`, { force: true })
    rmSync(`${file}-shm`, { force: true })
    syncPath(dirname(file))
    renameSync(fresh, file)
    syncPath(dirname(file))
  } finally {
    unlock()
  }
}
