/**
 * Backup and restore of an embedded domain: database, ledger, and the files without which neither can be opened.
 *
 * INVARIANT: the database is copied before the ledger, so that every row of the copy has its record in the copied
 * ledger. A restore begins an epoch: tokens of the time before are void, and revocations that the ledger knows and the
 * restored database does not are carried out again.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRecorder, decodeRecord } from '@credence/audit'
import { type Database, restoreSqlite, type Statement } from '@credence/db'
import { type Clock, type KeyMaker, type Random, refused } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import type { Ledger } from '@credence/ledger'
import type { LedgerRecord } from '@credence/model'
import type { AuthorityConfig } from '../config.ts'
import type { Core } from '../core.ts'
import { openDomain } from '../domain/domain.ts'
import { publishStatements } from '../feed/index.ts'
import { loadKek } from '../keys/kek.ts'
import { writePrivateFile } from '../keys/private-file.ts'
import { makeSealer } from '../keys/seal.ts'
import { openDomainLedger } from '../ledger/open.ts'
import { bearerId, changeRegistry, type RegistryChange } from '../registry/registry.ts'
import { type Revocable, revocableName, revocationStatements } from '../revocation/revoke.ts'
import { mustBeOne, sql } from '../sql.ts'
import { databaseFile, ledgerDir, openDatabase } from '../storage.ts'
import { markAgents } from '../tasks/index.ts'

const FILES = ['kek', 'operator.json'] as const

export interface BackupSource {
  readonly backup: (toFile: string) => Promise<void>
  readonly ledger: Pick<Ledger, 'publish'>
}

/** While the authority runs. `withKeys: false` leaves out what opens the sealed secrets: keep it elsewhere. */
export const backup = async (
  dataDir: string,
  target: string,
  source: BackupSource,
  options: { readonly withKeys: boolean },
): Promise<void> => {
  if (existsSync(target)) throw refused('backup_exists', `${target} exists already.`)
  mkdirSync(target, { recursive: true, mode: 0o700 })
  await source.backup(join(target, 'credence.db'))
  await source.ledger.publish()
  // What is being written under another name may be gone before it is copied, and is nothing yet.
  const filter = (path: string): boolean => !path.endsWith('lock') && !path.endsWith('.tmp')
  cpSync(ledgerDir(dataDir), join(target, 'ledger'), { recursive: true, filter })
  for (const file of options.withKeys ? FILES : []) {
    const path = join(dataDir, file)
    if (existsSync(path)) writeFileSync(join(target, file), readFileSync(path), { mode: 0o600, flag: 'wx' })
  }
}

export interface RestoreDeps {
  readonly clock: Clock
  readonly random: Random
  readonly keys: KeyMaker
  readonly log: Logger
}

export interface Restored {
  readonly epoch: number
  /** Revocations that the ledger knew and the database did not. */
  readonly replayed: number
}

const KINDS = ['token', 'grant', 'agent', 'owner', 'session'] as const

/** What an intent of a reducing act says was withdrawn; undefined for every other record. */
const withdrawn = (record: LedgerRecord): Revocable | undefined => {
  if (record.kind !== 'intent') return undefined
  if (record.method === 'grant.revoke') return { kind: 'grant', id: record.grant ?? record.name }
  if (record.method === 'agent.key.remove') return { kind: 'key', jkt: record.name.split('/')[1] ?? '' }
  if (record.method === 'agent.suspend' || record.method === 'agent.retire') return { kind: 'agent', id: record.name }
  if (record.method !== 'authority.revoke' && record.method !== 'token.revoke') return undefined
  const target = String(record.facts?.target ?? '')
  if (record.facts?.kind === 'key') return { kind: 'key', jkt: target }
  if (record.facts?.kind === 'subject') {
    return { kind: 'subject', party: { iss: String(record.facts.issuer ?? record.subject.iss), sub: target } }
  }
  const kind = KINDS.find((one) => one === record.facts?.kind)
  return kind === undefined ? undefined : { kind, id: target }
}

const grantKeys = (record: LedgerRecord): readonly Revocable[] =>
  record.kind !== 'reduction'
    ? []
    : record.keys
        .filter((key) => key.startsWith('grant:'))
        .map((key) => ({ kind: 'grant', id: key.slice('grant:'.length) }) as const)

/** Intents whose outcome says that nothing was done. */
const refusedIntents = async (ledger: Ledger): Promise<ReadonlySet<string>> => {
  const found = new Set<string>()
  for await (const { entry } of ledger.entries(0, ledger.size())) {
    const record = decodeRecord(entry)
    if (record.kind === 'outcome' && record.status === 'failed') found.add(record.intent)
  }
  return found
}

interface Withdrawn {
  readonly again: readonly Revocable[]
  /** Bearer exceptions, by `bearerId`. */
  readonly bearer: ReadonlySet<string>
}

/** Everything the ledger says was withdrawn, once; what was allowed again afterwards stays allowed. */
const withdrawals = async (ledger: Ledger): Promise<Withdrawn> => {
  const found = new Map<string, Revocable>()
  const bearer = new Set<string>()
  const undone = await refusedIntents(ledger)
  for await (const { entry } of ledger.entries(0, ledger.size())) {
    const record = decodeRecord(entry)
    if (undone.has(record.id)) continue
    if (record.kind === 'intent' && record.method === 'bearer.refuse') bearer.add(String(record.facts?.exception))
    if (record.kind === 'intent' && record.method === 'bearer.allow') bearer.delete(String(record.facts?.exception))
    if (record.kind === 'intent' && record.method === 'agent.resume') found.delete(`agent:${record.name}`)
    const own = withdrawn(record)
    for (const what of [...(own === undefined ? [] : [own]), ...grantKeys(record)]) {
      found.set(`${what.kind}:${revocableName(what)}`, what)
    }
  }
  return { again: [...found.values()], bearer }
}

/** Half a restore is not started: what it had still to withdraw would be alive. */
const marker = (dataDir: string): string => join(dataDir, 'restoring')

export const mustBeWhole = ({ dataDir }: Pick<AuthorityConfig, 'dataDir'>): void => {
  if (!existsSync(marker(dataDir))) return
  throw refused('restore_unfinished', `A restore into ${dataDir} did not end. Empty the directory and restore again.`)
}

const putFiles = async (config: AuthorityConfig, from: string): Promise<void> => {
  if (existsSync(databaseFile(config.dataDir))) {
    throw refused('restore_over_data', `${config.dataDir} holds a domain already; restore into an empty directory.`)
  }
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  writePrivateFile(marker(config.dataDir), '')
  await restoreSqlite({ from: join(from, 'credence.db'), file: databaseFile(config.dataDir) })
  cpSync(join(from, 'ledger'), ledgerDir(config.dataDir), { recursive: true })
  for (const file of FILES) {
    const path = join(from, file)
    if (existsSync(path)) writeFileSync(join(config.dataDir, file), readFileSync(path), { mode: 0o600, flag: 'wx' })
  }
}

/** Nothing may run on the data. A newer ledger of the lost machine may be put into `from/ledger` before. */
export const restore = async (config: AuthorityConfig, from: string, deps: RestoreDeps): Promise<Restored> => {
  await putFiles(config, from)
  const db = await openDatabase(config)
  try {
    const restored = await inNewEpoch(db, config, deps)
    rmSync(marker(config.dataDir))
    return restored
  } finally {
    await db.close()
  }
}

const inNewEpoch = async (db: Database, config: AuthorityConfig, deps: RestoreDeps): Promise<Restored> => {
  const domain = await openDomain(db, config, deps)
  const sealer = makeSealer(loadKek(config.dataDir, config.keyEncryptionKey, deps.random), deps.random)
  const secrets = { db, sealer, clock: deps.clock, random: deps.random, domain: domain.id }
  const ledger = await openDomainLedger(config, secrets, deps)
  const recorder = await createRecorder({ ...deps, ledger, domain: domain.id, emitter: 'authority', sweepMs: 0 })
  try {
    const epoch = domain.epoch + 1
    // INVARIANT: the record first; a restore that is not recorded has not happened.
    await recorder.epoch({ kind: 'epoch', epoch, reason: 'restored from a backup' })
    const core = {
      ...deps,
      db,
      domain,
      publish: (change: Parameters<typeof publishStatements>[1]) =>
        publishStatements(domain.id, change, deps.clock.now()),
    }
    const { again, bearer } = await withdrawals(ledger)
    for (const what of again) await db.atomically(await revocationStatements(core, what, 'replayed after a restore'))
    if (bearer.size > 0) await changeRegistry(core, withoutExceptions(bearer))
    await markAgents(core)
    await db.atomically([
      mustBeOne('epoch', 'UPDATE domains SET epoch = ? WHERE domain = ? AND epoch = ?', epoch, domain.id, domain.epoch),
      ...usedUp(core),
      ...core.publish({ kind: 'epoch', epoch }),
    ])
    return { epoch, replayed: again.length }
  } finally {
    await recorder.drain()
    await recorder.close()
    await ledger.close()
  }
}

const withoutExceptions =
  (withdrawn: ReadonlySet<string>): RegistryChange =>
  ({ servers, bearer }) => ({ servers, bearer: bearer.filter((one) => !withdrawn.has(bearerId(one))) })

/** What was used up or ended after the backup was taken is not known here, so all of the time before is void. */
const usedUp = ({ domain, clock }: Pick<Core, 'domain' | 'clock'>): readonly Statement[] => [
  sql('UPDATE refresh_tokens SET used = COALESCE(used, ?) WHERE domain = ?', clock.now(), domain.id),
  sql('DELETE FROM people_sessions WHERE domain = ?', domain.id),
  sql('DELETE FROM people_links WHERE domain = ?', domain.id),
  sql('DELETE FROM front_documents WHERE domain = ?', domain.id),
]
