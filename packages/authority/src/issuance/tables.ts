import type { Statement } from '@credence/db'
import type { Core } from '../core.ts'
import { sql } from '../sql.ts'

/** Kept a while after their end: long enough that a revocation or a second use of an old one is still recognised. */
const KEEP_MS = 86_400_000
const AT_MOST = 5_000

const sweep = (table: 'tokens' | 'refresh_tokens', key: 'jti' | 'hash', before: number): Statement =>
  sql(
    `DELETE FROM ${table} WHERE (domain, ${key}) IN (
       SELECT domain, ${key} FROM ${table} WHERE expires < ? ORDER BY expires LIMIT ?)`,
    before,
    AT_MOST,
  )

/** NOTE: every domain in the store has the same rule, so that these name none. */
export const sweepStatements = (core: Pick<Core, 'clock'>): readonly Statement[] => [
  sweep('tokens', 'jti', core.clock.now() - KEEP_MS),
  sweep('refresh_tokens', 'hash', core.clock.now() - KEEP_MS),
]

export const issuanceTables: readonly string[] = [
  `CREATE TABLE tokens (
    domain TEXT NOT NULL,
    jti TEXT NOT NULL,
    client TEXT NOT NULL,
    agent TEXT,
    subject_iss TEXT NOT NULL,
    subject_sub TEXT NOT NULL,
    resource TEXT NOT NULL,
    grant_id TEXT,
    jkt TEXT,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT,
    intent TEXT NOT NULL,
    PRIMARY KEY (domain, jti)
  )`,
  'CREATE INDEX tokens_expires ON tokens (expires)',
  `CREATE TABLE refresh_tokens (
    domain TEXT NOT NULL,
    hash TEXT NOT NULL,
    family TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    client TEXT NOT NULL,
    jkt TEXT,
    resource TEXT NOT NULL,
    scope TEXT NOT NULL,
    details TEXT NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT,
    intent TEXT NOT NULL,
    PRIMARY KEY (domain, hash)
  )`,
  'CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires)',
  'CREATE INDEX refresh_tokens_grant ON refresh_tokens (domain, grant_id)',
]
