/** Prepared statements and the reading of their rows. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Row, Value } from '../types.ts'
import { isTooLargeForNumber } from './errors.ts'

export interface Prepared {
  readonly statement: StatementSync
  readonly returnsRows: boolean
}

export const prepare = (db: DatabaseSync, sql: string): Prepared => {
  const statement = db.prepare(sql)
  return { statement, returnsRows: statement.columns().length > 0 }
}

const narrow = (value: Value): Value =>
  typeof value === 'bigint' && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value

const isValue = (value: unknown): value is Value =>
  value === null || typeof value !== 'object' || value instanceof Uint8Array

const toRow = (row: Record<string, unknown>): Row => {
  const read: Record<string, Value> = {}
  for (const [name, value] of Object.entries(row)) if (isValue(value)) read[name] = narrow(value)
  return read
}

/** Every integer as bigint, then as number where that is exact. Slow, and needed only when a row holds a large one. */
export const allWide = (prepared: Prepared, parameters: readonly Value[]): Row[] => {
  prepared.statement.setReadBigInts(true)
  try {
    return prepared.statement.all(...parameters).map(toRow)
  } finally {
    prepared.statement.setReadBigInts(false)
  }
}

/** For statements that only read: running them twice changes nothing. */
export const readAll = (prepared: Prepared, parameters: readonly Value[]): Row[] => {
  try {
    return prepared.statement.all(...parameters)
  } catch (error) {
    if (!isTooLargeForNumber(error)) throw error
    return allWide(prepared, parameters)
  }
}
