/** What an error of SQLite means for the batch. Result codes: https://sqlite.org/rescode.html */
const UNIQUE = new Set([2067, 1555, 2579])
const FOREIGN_KEY = 787
/** PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const ENVIRONMENT = new Set([3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26])
const FULL = 13

const codeOf = (error: unknown): number =>
  typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : 0

export const isConflict = (error: unknown): boolean => UNIQUE.has(codeOf(error)) || codeOf(error) === FOREIGN_KEY

/** The file, the disk or the memory, not the statement. */
export const isEnvironment = (error: unknown): boolean => ENVIRONMENT.has(codeOf(error) & 0xff)

export const isFull = (error: unknown): boolean => (codeOf(error) & 0xff) === FULL

/** An integer beyond 2^53 where numbers were asked for. */
export const isTooLargeForNumber = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_OUT_OF_RANGE'

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
