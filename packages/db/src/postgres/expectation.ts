/**
 * Expectations that the server checks itself, so that a batch needs one round trip and no row stays locked while we
 * think: the statement becomes a common table expression whose rows are counted, and a wrong count is an error, which
 * undoes the batch.
 *
 * Why READ COMMITTED is enough: a conditional UPDATE or DELETE that meets a row changed by somebody else waits for
 * them and then judges its condition again on the row as it is now; INSERT ... ON CONFLICT waits for the other insert
 * and then sees it. Both keep what they demanded until COMMIT. A SELECT is judged in one snapshot and keeps nothing:
 * what must still hold at COMMIT is demanded by an UPDATE that sets a column to itself.
 *
 * INVARIANT: no lock is added to a SELECT. A locking SELECT that had to wait reads the locked row anew but the rest of
 * its tables as they were, and so would mix two states of the store.
 */
import { numberPlaceholders, withoutLiterals } from '../sql.ts'
import type { Statement } from '../types.ts'

/** Part of the error text by which a wrong count is known. */
export const EXPECTATION = 'credence_expectation'

export interface Planned {
  readonly text: string
  /** The rows are ours, for counting, not the caller's. */
  readonly silent: boolean
  /** The server cannot check it: count here, before COMMIT. */
  readonly checkHere: boolean
}

const WRAPPABLE = /^\s*(insert|update|delete|select)\b/i
const SELECT = /^\s*select\b/i
const RETURNING = /\breturning\b/i

const condition = (rows: number | 'some'): string => (rows === 'some' ? 'count(*) > 0' : `count(*) = ${rows}`)

const wrap = (inner: string, rows: number | 'some'): string => `WITH changed AS (${inner})
SELECT changed.* FROM (
  SELECT CASE WHEN ${condition(rows)} THEN 1 ELSE CAST('${EXPECTATION} ' || count(*) AS integer) END AS holds FROM changed
) AS expected LEFT JOIN changed ON true WHERE expected.holds = 1`

const planNew = (sql: string, rows: number | 'some' | undefined): Planned => {
  const text = numberPlaceholders(sql)
  if (rows === undefined) return { text, silent: false, checkHere: false }
  const bare = withoutLiterals(sql)
  if (rows === 0 || !WRAPPABLE.test(bare)) return { text, silent: false, checkHere: true }
  const returns = SELECT.test(bare) || RETURNING.test(bare)
  return { text: wrap(returns ? text : `${text} RETURNING 1`, rows), silent: !returns, checkHere: false }
}

const MAX_PLANNED = 2_000
const plans = new Map<string, Planned>()

export const plan = ({ sql, expect }: Statement): Planned => {
  const key = `${expect?.rows ?? ''}:${sql}`
  const known = plans.get(key)
  if (known !== undefined) return known
  if (plans.size >= MAX_PLANNED) plans.clear()
  const made = planNew(sql, expect?.rows)
  plans.set(key, made)
  return made
}
