/** Where one authority keeps what it has. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, migrate, openPostgres, openSqlite } from '@credence/db'
import type { AuthorityConfig } from './config.ts'
import { migrations } from './migrations.ts'

export const databaseFile = (dataDir: string): string => join(dataDir, 'credence.db')
export const ledgerDir = (dataDir: string): string => join(dataDir, 'ledger')

export const openDatabase = async (config: AuthorityConfig): Promise<Database> => {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  if (process.platform !== 'win32') chmodSync(config.dataDir, 0o700)
  const { database } = config
  const db =
    database.engine === 'sqlite'
      ? await openSqlite({ file: databaseFile(config.dataDir) })
      : await openPostgres({ url: database.url, ...(database.schema === undefined ? {} : { schema: database.schema }) })
  try {
    await migrate(db, migrations)
    return db
  } catch (error) {
    await db.close()
    throw error
  }
}
