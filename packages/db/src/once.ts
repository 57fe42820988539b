/** `Once` of kit on a database: the claim is an insert that must insert. */
import { hash } from 'node:crypto'
import type { Clock, Once, OnceUse } from '@credence/kit'
import type { Migration } from './migrate.ts'
import { BatchConflict, type Database, type Statement } from './types.ts'

const TABLE = (blob: string, integer: string): string[] => [
  `CREATE TABLE once_claims (
    domain TEXT NOT NULL, purpose TEXT NOT NULL, hash ${blob} NOT NULL, expires_at ${integer} NOT NULL,
    PRIMARY KEY (domain, purpose, hash))`,
  'CREATE INDEX once_claims_by_expiry ON once_claims (domain, expires_at)',
]

/** The table behind `createDbOnce`, to stand in the caller's list under the number of its choice. */
export const onceMigration = (number: number): Migration => ({
  number,
  name: 'once_claims',
  sqlite: TABLE('BLOB', 'INTEGER'),
  postgres: TABLE('BYTEA', 'BIGINT'),
})

/** A key may be long, secret or hold bytes that a TEXT column refuses; its hash is none of these. */
const hashOf = (key: string): Uint8Array => hash('sha256', key, 'buffer')

/**
 * The claim as part of a larger batch: if somebody was first, nothing of the batch happens and `atomically` throws
 * `BatchConflict` with the name `conflict`.
 */
export const claimStatement = (
  domain: string,
  use: OnceUse,
  key: string,
  until: number,
  conflict = `${use}_already_used`,
): Statement => ({
  sql: 'INSERT INTO once_claims (domain, purpose, hash, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  parameters: [domain, use, hashOf(key), Math.ceil(until)],
  expect: { rows: 1, conflict },
})

export interface DbOnce extends Once {
  /** `claimStatement` of this domain; throws `BatchConflict` when `until` is over already. */
  claimStatement(use: OnceUse, key: string, until: number, conflict?: string): Statement
  /** Forgets at most `limit` claims that expired; answers how many. */
  sweep(limit: number): Promise<number>
}

export interface DbOnceDeps {
  readonly clock: Pick<Clock, 'now'>
  /** Claims are kept this long after they expired, for nodes whose clocks differ. Default 120 s. */
  readonly keepMs?: number
}

const SWEEP_AFTER = 256
const SWEEP_AT_MOST = 1024

const sweepStatement = (domain: string, before: number, limit: number): Statement => ({
  sql: `DELETE FROM once_claims WHERE domain = ? AND (purpose, hash) IN (
    SELECT purpose, hash FROM once_claims WHERE domain = ? AND expires_at < ? ORDER BY expires_at LIMIT ?)
    RETURNING 1 AS gone`,
  parameters: [domain, domain, before, limit],
})

/**
 * @example
 * const once = createDbOnce(db, domain, { clock: nodeClock })
 * if (!(await once.claim('code', code, expiresAt))) throw refused('code_used', 'The code was used before.')
 */
export const createDbOnce = (db: Database, domain: string, deps: DbOnceDeps): DbOnce => {
  const keepMs = deps.keepMs ?? 120_000
  let claims = 0

  const sweep = async (limit: number): Promise<number> => {
    const [gone = []] = await db.atomically([sweepStatement(domain, Math.floor(deps.clock.now() - keepMs), limit)])
    return gone.length
  }

  /** Every claim pays for four that went, so that the table stays in proportion to what is alive. */
  const sweepSometimes = (): void => {
    claims += 1
    if (claims % SWEEP_AFTER !== 0) return
    // NOTE: a sweep that fails costs space, never safety; the claim itself reports the outage.
    sweep(SWEEP_AT_MOST).catch(() => undefined)
  }

  const isOver = (until: number): boolean => !(until > deps.clock.now())

  return {
    sweep,
    claimStatement: (use, key, until, conflict) => {
      if (isOver(until)) throw new BatchConflict(conflict ?? `${use}_already_used`)
      sweepSometimes()
      return claimStatement(domain, use, key, until, conflict)
    },
    claim: async (use, key, until) => {
      if (isOver(until)) return false
      sweepSometimes()
      try {
        await db.atomically([claimStatement(domain, use, key, until)])
        return true
      } catch (error) {
        if (error instanceof BatchConflict) return false
        throw error
      }
    },
  }
}
