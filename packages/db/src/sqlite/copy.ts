/** Consistent copies of a database file. */
import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { refused } from '@credence/kit'

export const syncPath = (path: string): void => {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Is this a whole, unbroken SQLite database? */
export const checkIntegrity = (file: string): void => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const answer = db.prepare('PRAGMA integrity_check(1)').all()[0]?.integrity_check
    if (answer !== 'ok') throw refused('backup_damaged', 'The copy is damaged.', { detail: String(answer) })
  } finally {
    db.close()
  }
}

const reserveName = (toFile: string): void => {
  try {
    closeSync(openSync(toFile, 'wx', 0o600))
  } catch (cause) {
    throw refused('backup_target_exists', 'The target of the backup must not exist and must be writable.', { cause })
  }
}

/**
 * The backup interface of SQLite on a connection of its own: page by page in the thread pool, begun again by SQLite
 * when a writer gets between, one moment of the database at the end.
 */
export const copyDatabase = async (file: string, toFile: string): Promise<void> => {
  reserveName(toFile)
  const source = new DatabaseSync(file, { readOnly: true })
  try {
    // INVARIANT: all pages in one step. With smaller steps a busy writer could make the copy begin again for ever.
    await backup(source, toFile, { rate: 2_147_483_647 })
    checkIntegrity(toFile)
    syncPath(toFile)
    syncPath(dirname(toFile))
  } catch (error) {
    rmSync(toFile, { force: true })
    throw error
  } finally {
    source.close()
  }
}
