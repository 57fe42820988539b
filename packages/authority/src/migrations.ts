/** The one numbered list of changes to the schema. What was released is never edited; add below. */
import { type Migration, onceMigration } from '@credence/db'
import { domainTables } from './domain/domain.ts'
import { feedTables } from './feed/index.ts'
import { frontMigrations } from './front/index.ts'
import { grantTables } from './grants/tables.ts'
import { issuanceTables } from './issuance/tables.ts'
import { secretTables } from './keys/secrets.ts'
import { signingKeyTables } from './keys/signing-keys.ts'
import { ledgerOwed, ledgerTables } from './ledger/tables.ts'
import { outboxTables } from './outbox/outbox.ts'
import { policyTables } from './policies/policies.ts'
import { agentGroups, registryTables } from './registry/tables.ts'
import { revocationTables } from './revocation/revoke.ts'
import { taskTables } from './tasks/index.ts'

/** Names of types differ in one place only. */
const forPostgres = (sql: string): string => sql.replaceAll(' BLOB', ' BYTEA').replaceAll(' INTEGER', ' BIGINT')

const tables = (number: number, name: string, statements: readonly string[]): Migration => ({
  number,
  name,
  sqlite: statements,
  postgres: statements.map(forPostgres),
})

export const migrations: readonly Migration[] = [
  tables(1, 'domain', domainTables),
  onceMigration(2),
  { number: 3, name: 'feed', ...feedTables },
  tables(4, 'keys', [...secretTables, ...signingKeyTables]),
  tables(5, 'registry', registryTables),
  tables(6, 'front', frontMigrations),
  tables(7, 'grants', grantTables),
  tables(8, 'issuance', issuanceTables),
  tables(9, 'revocation', revocationTables),
  tables(10, 'outbox', outboxTables),
  tables(11, 'policies', policyTables),
  tables(12, 'agent groups', agentGroups),
  tables(13, 'ledger', ledgerTables),
  tables(14, 'task marks', taskTables),
  tables(15, 'ledger takeover', ledgerOwed),
]
