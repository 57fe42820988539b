/** What an error of PostgreSQL means for the batch: https://www.postgresql.org/docs/current/errcodes-appendix.html */
import { bug, type CredenceError, isCredenceError, unavailable } from '@credence/kit'
import { EXPECTATION } from './expectation.ts'

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** unique_violation, foreign_key_violation, exclusion_violation; or a wrapped expectation that did not hold. */
export const isConflict = (error: unknown): boolean => {
  const code = codeOf(error)
  if (code === '23505' || code === '23503' || code === '23P01') return true
  return code === '22P02' && messageOf(error).includes(EXPECTATION)
}

/**
 * The server itself undid the transaction and says so: serialization_failure, deadlock_detected, and a prepared plan
 * that no longer fits the table. INVARIANT: only these are tried again; after a lost connection nobody knows.
 */
export const isUndone = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === '40001' || code === '40P01' || (code === '0A000' && messageOf(error).includes('cached plan'))
}

const SQLSTATE = /^[0-9A-Z]{5}$/
/** Syntax, data, constraints and names: the statement's fault, ours. */
const OURS = /^(0A|21|22|23|26|2B|42|44|54)/

export const toError = (error: unknown): CredenceError => {
  if (isCredenceError(error)) return error
  const code = codeOf(error)
  const detail = `${code} ${messageOf(error)}`
  if (SQLSTATE.test(code) && OURS.test(code)) return bug('statement_failed', detail, { cause: error })
  return unavailable('database_unavailable', 'The database cannot answer.', { detail, cause: error })
}

/** The connection may be in any state and must not be used again. */
export const isConnectionLost = (error: unknown): boolean => {
  const code = codeOf(error)
  return !SQLSTATE.test(code) || code.startsWith('08') || code.startsWith('57P')
}
