import { chmodSync } from 'node:fs'
import { resolve } from 'node:path'
import { refused, unavailable } from '@credence/kit'
import type { Database, Row } from '../types.ts'
import { copyDatabase } from './copy.ts'
import { createPrivately, lockDatabase } from './lock.ts'
import { openReader } from './reader.ts'
import { openWriter } from './writer.ts'

export interface SqliteOptions {
  /** The database file; created with mode 0600. `<file>-lock` and `<file>-reserve` stand beside it. */
  readonly file: string
  /** Bytes kept back for batches that only take authority away when the disk is full. Default 4 MiB; 0: none. */
  readonly reserveBytes?: number
  /** The database may not grow beyond so many pages of 4 KiB. Default: what the disk holds. */
  readonly maxPages?: number
}

export interface SqliteDatabase extends Database {
  readonly engine: 'sqlite'
  /** A consistent copy of the whole database as of some moment during the call; the target must not exist. */
  backup(toFile: string): Promise<void>
}

const RESERVE = 4 * 1_048_576

const openLocked = async (options: SqliteOptions, file: string, unlock: () => void): Promise<SqliteDatabase> => {
  createPrivately(file)
  chmodSync(file, 0o600)
  const writer = await openWriter({
    file,
    maxPages: options.maxPages,
    reserveBytes: options.reserveBytes ?? RESERVE,
  })
  const reader = openReader(file)
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await writer.close()
    reader.close()
    unlock()
  }
  return {
    engine: 'sqlite',
    // NOTE: the rows are what the caller's statement names; the port's type parameter is the caller's word for them.
    read: async <R extends Row>(statement: Parameters<Database['read']>[0]) => {
      if (closed !== undefined) throw unavailable('database_unavailable', 'The database was closed.')
      return reader.read(statement) as R[]
    },
    atomically: (statements, batchOptions) => writer.run(statements, batchOptions),
    backup: (toFile) => copyDatabase(file, resolve(toFile)),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

/**
 * SQLite in this process: WAL, `synchronous = FULL`, one writing thread with group commit. Refused with
 * `database_in_use` while another handle, here or in another process, has the file.
 *
 * @example
 * const db = await openSqlite({ file: 'credence.db' })
 * await db.atomically([{ sql: 'INSERT INTO note (id) VALUES (?)', parameters: ['a'] }])
 */
export const openSqlite = async (options: SqliteOptions): Promise<SqliteDatabase> => {
  if (options.file === '' || options.file.startsWith(':')) {
    throw refused('database_file_missing', 'Name a file; a database in memory is not durable.')
  }
  const file = resolve(options.file)
  const unlock = lockDatabase(file)
  try {
    return await openLocked(options, file, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}
