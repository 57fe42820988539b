/** The database and the ledger of one authority. */
import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, migrate, openPostgres, openSqlite } from '@credence/db'
import type { KeyMaker } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import { type EmbeddedLedger, type FileLayer, openLedger } from '@credence/ledger'
import type { AuthorityConfig } from './config.ts'
import { type SecretDeps, secret } from './keys/secrets.ts'
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

/** C2SP: the name of the log is the issuer without its scheme. */
const originOf = (issuer: string): string => issuer.replace(/^https?:\/\//, '')

export const openDomainLedger = async (
  config: AuthorityConfig,
  secrets: SecretDeps,
  deps: { readonly keys: KeyMaker; readonly log: Logger; readonly ledgerFiles?: FileLayer },
): Promise<EmbeddedLedger> => {
  const pkcs8 = await secret(secrets, 'ledger_ed25519', () =>
    deps.keys.ed25519().privateKey.export({ format: 'der', type: 'pkcs8' }),
  )
  return openLedger({
    dir: ledgerDir(config.dataDir),
    origin: originOf(config.issuer),
    signer: createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }),
    ...(deps.ledgerFiles === undefined ? {} : { files: deps.ledgerFiles }),
    onError: (error) => deps.log.warn('ledger_background', { detail: String(error) }),
  })
}
