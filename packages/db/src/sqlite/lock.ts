/**
 * One handle for one database. Two authorities over one data directory would each believe that they alone give out
 * numbers, nonces and one-time uses.
 *
 * The lock is SQLite's own exclusive lock on a second, empty file: the system lets go of it when the process dies,
 * however it dies. NOTE: locks of this kind are lost when anything in this process closes that file; nothing else may
 * open `<file>-lock`.
 */
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { refused } from '@credence/kit'

const EXISTS = 'EEXIST'

/** Creates the file for this user alone, and leaves one that exists as it is, without opening it. */
export const createPrivately = (file: string): void => {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === EXISTS)) throw error
  }
}

/** Takes the lock; the answer lets go of it. */
export const lockDatabase = (file: string): (() => void) => {
  const lockFile = `${file}-lock`
  createPrivately(lockFile)
  const lock = new DatabaseSync(lockFile)
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw refused('database_in_use', `Another process is using ${file}. Stop it first, or choose another directory.`, {
      status: 409,
      cause,
    })
  }
  return () => lock.close()
}
