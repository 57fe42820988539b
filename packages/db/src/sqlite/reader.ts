/**
 * Reads happen on a second, read-only connection in the calling thread: a point read costs about 2 us there, a message
 * to another thread and back costs several times that and would wait behind a sync. WAL gives every read the newest
 * commit, so a reader sees what was acknowledged to it.
 *
 * NOTE: a read that returns much holds the thread; the port asks for LIMIT.
 */
import { DatabaseSync } from 'node:sqlite'
import { bug, type CredenceError, unavailable } from '@credence/kit'
import type { Row, Statement } from '../types.ts'
import { isEnvironment, messageOf } from './errors.ts'
import { type Prepared, prepare, readAll } from './statements.ts'

const MAX_PREPARED = 1_000

export interface Reader {
  read(statement: Statement): Row[]
  close(): void
}

const READONLY = /readonly/

const toError = (error: unknown): CredenceError => {
  const detail = messageOf(error)
  if (isEnvironment(error) && !READONLY.test(detail)) {
    return unavailable('database_unavailable', 'The database cannot answer.', { detail, cause: error })
  }
  return bug('statement_failed', detail, { cause: error })
}

export const openReader = (file: string): Reader => {
  const db = new DatabaseSync(file, { readOnly: true })
  db.exec('PRAGMA busy_timeout = 1000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF')
  const cache = new Map<string, Prepared>()

  const prepared = (sql: string): Prepared => {
    const known = cache.get(sql)
    if (known !== undefined) return known
    if (cache.size >= MAX_PREPARED) cache.clear()
    const made = prepare(db, sql)
    cache.set(sql, made)
    return made
  }

  return {
    read: (statement) => {
      try {
        return readAll(prepared(statement.sql), statement.parameters)
      } catch (error) {
        throw toError(error)
      }
    },
    close: () => db.close(),
  }
}
