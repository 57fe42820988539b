/** The ledger of the domain: files beside SQLite, rows in PostgreSQL, with one key that is sealed in the database. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { Clock, KeyMaker, Random } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import { type FileLayer, type Ledger, openLedger, openRowLedger } from '@credence/ledger'
import type { AuthorityConfig } from '../config.ts'
import { type SecretDeps, secret } from '../keys/secrets.ts'
import { ledgerDir } from '../storage.ts'
import { adoptFiles } from './adopt.ts'
import { createLedgerRows } from './rows.ts'

export interface DomainLedgerDeps {
  readonly keys: KeyMaker
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly ledgerFiles?: FileLayer
}

/** C2SP: the name of the log is the issuer without its scheme. */
const originOf = (issuer: string): string => issuer.replace(/^https?:\/\//, '')

const signingKey = async (secrets: SecretDeps, keys: KeyMaker): Promise<KeyObject> => {
  const pkcs8 = await secret(secrets, 'ledger_ed25519', () =>
    keys.ed25519().privateKey.export({ format: 'der', type: 'pkcs8' }),
  )
  return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
}

/** Records are the same when they have the same identifier, whichever node was asked to write them. */
export const recordIdOf = (entry: Uint8Array): string | undefined => {
  try {
    const record = JSON.parse(Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).toString('utf8')) as {
      readonly id?: unknown
    }
    return typeof record.id === 'string' ? record.id : undefined
  } catch {
    return undefined
  }
}

export const openDomainLedger = async (
  config: AuthorityConfig,
  secrets: SecretDeps,
  deps: DomainLedgerDeps,
): Promise<Ledger> => {
  const dir = ledgerDir(config.dataDir)
  const common = {
    origin: originOf(config.issuer),
    signer: await signingKey(secrets, deps.keys),
    onError: (error: unknown) => deps.log.warn('ledger_background', { detail: String(error) }),
  }
  const files = deps.ledgerFiles === undefined ? {} : { files: deps.ledgerFiles }
  if (config.database.engine === 'sqlite') return openLedger({ dir, ...common, ...files })
  const rows = {
    ...common,
    rows: createLedgerRows(secrets.db, secrets.domain),
    clock: deps.clock,
    random: deps.random,
  }
  await adoptFiles(dir, common, () => openRowLedger({ ...rows, followMs: 0 }))
  return openRowLedger({ ...rows, checkpointFile: join(dir, 'checkpoint'), sameBy: recordIdOf })
}
