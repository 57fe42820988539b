/** Everything below the endpoints of one authority, opened in the order of dependence. */
import { type AuditRecorder, createRecorder } from '@credence/audit'
import { createDbOnce, type Database, type DbOnce } from '@credence/db'
import { type Decider, meteredRecorder } from '@credence/guard'
import type { Clock, KeyMaker, Random } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { createMetrics, type Logger, type Metrics, type Tracing } from '@credence/kit/telemetry'
import type { FileLayer, Ledger } from '@credence/ledger'
import {
  compilePolicySet,
  createDecider,
  type PolicyDecider,
  type PolicySnapshot,
  type ShadowCheck,
} from '@credence/policy'
import {
  createFollower,
  createRevocationIndex,
  createStoreSource,
  createTaskMarker,
  createTaskMarks,
  type FeedEntry,
  type Follower,
  type TaskMarker,
} from '@credence/sync'
import { mustBeWhole } from './backup/backup.ts'
import type { AuthorityConfig } from './config.ts'
import type { Core } from './core.ts'
import { whenFresh } from './decisions/when-fresh.ts'
import { openDomain } from './domain/domain.ts'
import { ensureOperator } from './domain/first-start.ts'
import { createDbFeedStore, type DbFeedStore, publishStatements } from './feed/index.ts'
import { loadKek } from './keys/kek.ts'
import { makeSealer } from './keys/seal.ts'
import type { SecretDeps } from './keys/secrets.ts'
import { openSigningKeys, type SigningKeys } from './keys/signing-keys.ts'
import { emitterOf } from './ledger/node-name.ts'
import { openDomainLedger } from './ledger/open.ts'
import { type AuthorityOutbox, createOutbox } from './outbox/outbox.ts'
import { createPeople, type People } from './people/index.ts'
import { createPolicies, firstPolicies, type Policies } from './policies/policies.ts'
import { openShadow } from './policies/shadow.ts'
import type { Clients, Resources } from './ports.ts'
import { createCimd } from './registry/cimd.ts'
import { createClients } from './registry/clients.ts'
import { createDirectory, type Directory } from './registry/directory.ts'
import { createDynamicClients, type DynamicClients } from './registry/dynamic-clients.ts'
import { observedServers, type Registry, readRegistry } from './registry/registry.ts'
import { createResources } from './registry/resources.ts'
import { createView, type LiveView } from './registry/view.ts'
import { ledgerDir, openDatabase } from './storage.ts'
import { markTask } from './tasks/index.ts'
import { processTracing } from './tracing.ts'
import { keepWitnessed, keptWitnessed, startWitnessing, type Witnessing } from './witnessing/index.ts'

export interface AuthorityDeps {
  readonly clock: Clock
  readonly random: Random
  readonly keys: KeyMaker
  readonly log: Logger
  /** The one safe fetcher; private hosts only as the owner allowed. */
  readonly fetch: SafeFetch
  readonly metrics?: Metrics
  /** Absent: the OpenTelemetry SDK of this process, when there is one. */
  readonly tracing?: Tracing
  /** Other files for the ledger: ones that fill up or tear, when that is what is tried. */
  readonly ledgerFiles?: FileLayer
}

/** Everything below the endpoints. */
export interface Base {
  readonly config: AuthorityConfig
  readonly deps: AuthorityDeps
  readonly metrics: Metrics
  readonly tracing: Tracing | undefined
  readonly core: Core
  readonly once: DbOnce
  readonly secrets: SecretDeps
  readonly signingKeys: SigningKeys
  readonly store: DbFeedStore
  readonly directory: Directory
  readonly people: People
  readonly registry: () => Registry
  readonly reloadRegistry: () => Promise<Registry>
  readonly onRegistry: (listener: (registry: Registry) => void) => () => void
  readonly view: LiveView
  readonly decider: PolicyDecider
  /** What the endpoints ask: the same policies, which wait for the newest marks where they read them. */
  readonly deciding: Decider
  readonly policies: Policies
  /** Absent: switched off. */
  readonly shadow: ShadowCheck | undefined
  readonly ledger: Ledger
  /** Absent: nobody is asked. */
  readonly witnessing: Witnessing | undefined
  readonly audit: AuditRecorder
  readonly outbox: AuthorityOutbox
  readonly follower: Follower
  /** Which tasks have read what strangers wrote. */
  readonly tasks: TaskMarker
  readonly clients: Clients
  readonly dynamic: DynamicClients | undefined
  readonly resources: Resources
}

const heldRegistry = async (core: Core) => {
  let held = await readRegistry(core)
  const listeners = new Set<(registry: Registry) => void>()
  return {
    registry: () => held,
    reloadRegistry: async () => {
      held = await readRegistry(core)
      for (const listener of listeners) listener(held)
      return held
    },
    onRegistry: (listener: (registry: Registry) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** INVARIANT: this node has not reached an entry before what the entry tells of is in its memory. */
const onEntry =
  (base: Pick<Base, 'directory' | 'reloadRegistry' | 'policies' | 'signingKeys'>) =>
  async (entry: FeedEntry): Promise<void> => {
    if (entry.kind === 'agent') await base.directory.refresh(entry.agent)
    if (entry.kind === 'registry') await base.reloadRegistry()
    if (entry.kind === 'policy') await base.policies.reload()
    if (entry.kind === 'keys') await base.signingKeys.reload()
  }

const openCore = async (db: Database, config: AuthorityConfig, deps: AuthorityDeps) => {
  const domain = await openDomain(db, config, deps)
  const sealer = makeSealer(loadKek(config.dataDir, config.keyEncryptionKey, deps.random), deps.random)
  const core: Core = {
    ...deps,
    db,
    domain,
    publish: (change) => publishStatements(domain.id, change, deps.clock.now()),
  }
  const secrets: SecretDeps = { db, sealer, clock: deps.clock, random: deps.random, domain: domain.id }
  const signingKeys = await openSigningKeys({ db, sealer, clock: deps.clock, keys: deps.keys, domain: domain.id })
  return { core, secrets, signingKeys }
}

const openRecords = async (config: AuthorityConfig, deps: AuthorityDeps, core: Core, secrets: SecretDeps) => {
  const metrics = deps.metrics ?? createMetrics()
  const tracing = deps.tracing ?? processTracing()
  const ledger = await openDomainLedger(config, secrets, deps)
  const audit = await createRecorder({
    ledger,
    clock: core.clock,
    random: core.random,
    domain: core.domain.id,
    ...emitterOf(config, core.random),
    onAlert: (alert) => core.log.error('audit_alert', { alert: alert.kind }),
  })
  const outbox = await createOutbox({ ...core, domain: core.domain.id, recorder: audit })
  const recorder = meteredRecorder(outbox.recorder, metrics, tracing)
  return { ledger, audit, metrics, tracing, outbox: { ...outbox, recorder } }
}

/** INVARIANT: a start that fails leaves nothing open behind it, so that the next one finds its files free. */
export const openBase = async (config: AuthorityConfig, deps: AuthorityDeps): Promise<Base> => {
  mustBeWhole(config)
  const db = await openDatabase(config)
  try {
    return await composeBase(db, config, deps)
  } catch (error) {
    await db.close()
    throw error
  }
}

const domainDecider = (
  snapshot: PolicySnapshot,
  registry: LiveView,
  shadow: ShadowCheck | undefined,
  untrusted: TaskMarker['untrusted'],
  { config, deps }: Pick<Base, 'config' | 'deps'>,
): PolicyDecider =>
  createDecider({
    snapshot,
    registry,
    random: deps.random,
    clock: deps.clock,
    issuer: config.issuer,
    // The endpoint has found the token among the caller's own before it asks.
    owns: ({ method, resource }) => method === 'token.revoke' && resource === config.issuer,
    untrusted,
    ...(shadow === undefined ? {} : { shadow }),
    onError: (error) => deps.log.error('decider_failed', { detail: String(error) }),
  })

/** Follows the feed from its beginning: revocations, marks of tasks, and what `apply` does with the rest. */
const followFeed = (
  { core, deps, config }: Pick<Base, 'core' | 'deps' | 'config'>,
  directory: Directory,
  store: DbFeedStore,
  apply: (entry: FeedEntry) => Promise<void>,
): Pick<Base, 'follower' | 'tasks'> => {
  const marks = createTaskMarks({ clock: deps.clock })
  const follower = createFollower({
    domain: core.domain.id,
    source: createStoreSource(store),
    clock: deps.clock,
    index: createRevocationIndex({ clock: deps.clock }),
    marks,
    onEntry: apply,
    onError: (error) => deps.log.warn('feed_poll_failed', { detail: String(error) }),
  })
  const commit = async (task: string): Promise<number> => {
    const until = await markTask(core, task)
    store.announce()
    return until
  }
  // Suspended a moment ago, one may still decide: by its role alone.
  const isNode = ({ role }: { role: string }): boolean => role === 'node'
  // Nobody else has a file of SQLite, and who follows its feed from elsewhere is an agent of this role.
  const alone = (): boolean => config.database.engine === 'sqlite' && ![...directory.all()].some(isNode)
  return { follower, tasks: createTaskMarker({ marks, clock: deps.clock, follower, commit, alone }) }
}

const composeBase = async (db: Database, config: AuthorityConfig, deps: AuthorityDeps): Promise<Base> => {
  const { core, secrets, signingKeys } = await openCore(db, config, deps)
  const source = await firstPolicies(core)
  await ensureOperator(core, config.dataDir)
  const held = await heldRegistry(core)
  const directory = createDirectory(core)
  await directory.load()
  const people = createPeople({ issuer: config.issuer, domain: core.domain.id, db: core.db, ...deps })
  const view = createView({ issuer: config.issuer, directory, registry: held.registry, people })
  await view.reload()
  let recording: Pick<AuditRecorder, 'alert'> | undefined
  const shadow = openShadow(config.shadowCheck ?? 0, { ...deps, alert: (one) => recording?.alert(one) })
  const snapshot = await compilePolicySet(source)
  const decider = domainDecider(snapshot, view, shadow, (...asked) => tasks.untrusted(...asked), { config, deps })
  const policies = createPolicies(core, decider)
  const store = createDbFeedStore(core.db, core.domain.id)
  const apply = onEntry({ directory, reloadRegistry: held.reloadRegistry, policies, signingKeys })
  const { follower, tasks } = followFeed({ core, deps, config }, directory, store, apply)
  const dynamic = config.dynamicRegistration ? createDynamicClients(core) : undefined
  const clients = createClients({
    core,
    directory,
    registry: held.registry,
    cimd: config.cimd.enabled ? createCimd({ core, ...deps }) : undefined,
    dynamic,
  })
  const records = await openRecords(config, deps, core, secrets)
  recording = records.audit
  const witnessing = openWitnessing(config, deps, records)
  for (const server of observedServers(held.registry())) deps.log.warn('policies_not_enforced', { server })
  return {
    config,
    deps,
    core,
    once: createDbOnce(core.db, core.domain.id, deps),
    secrets,
    signingKeys,
    store,
    directory,
    people,
    ...held,
    view,
    decider,
    deciding: whenFresh(decider, decider, follower, tasks),
    policies,
    shadow,
    ...records,
    witnessing,
    follower,
    tasks,
    clients,
    dynamic,
    resources: createResources(core, held.registry),
  }
}

const openWitnessing = (
  { witnesses, dataDir }: AuthorityConfig,
  deps: AuthorityDeps,
  { ledger, audit }: Pick<Base, 'ledger' | 'audit'>,
): Witnessing | undefined =>
  witnesses === undefined
    ? undefined
    : startWitnessing({
        ...deps,
        ...witnesses,
        ledger,
        kept: () => keptWitnessed(ledgerDir(dataDir)),
        keep: (checkpoint) => keepWitnessed(ledgerDir(dataDir), checkpoint),
        alert: (alert) => audit.alert(alert),
      })

const DRAIN_MS = 3_000

/** In the order of dependence: nothing unrecorded, then the files. */
export const closeBase = async (base: Base): Promise<void> => {
  base.outbox.close()
  await base.shadow?.close()
  await base.witnessing?.close()
  await base.follower.close()
  base.store.close()
  // A ledger that does not answer is not waited for longer: what it has not acknowledged is not in anybody's hands.
  const enough = setTimeout(() => void base.ledger.close(), DRAIN_MS)
  await base.audit.drain()
  await base.audit.close()
  clearTimeout(enough)
  await base.ledger.close()
  await base.core.db.close()
}
