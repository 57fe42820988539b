/**
 * The composition of one authority: storage, keys, feed, decider, ledger, both halves, one listener. What it answers
 * with is what a gateway in the same process needs.
 */
import { createAuditIndex, createIntake } from '@credence/audit'
import type { Database, DbOnce } from '@credence/db'
import { createTokenAuthenticator, type Recorder } from '@credence/guard'
import { createMemoryOnce, newId, type Random } from '@credence/kit'
import { createHttpServer, type HttpServer, type Route } from '@credence/kit/http'
import type { JsonObject } from '@credence/kit/json'
import type { Ledger } from '@credence/ledger'
import type { Party } from '@credence/model'
import type { PolicyDecider } from '@credence/policy'
import { createStoreSource, type Follower } from '@credence/sync'
import type { AdminDeps } from './admin/deps.ts'
import { type GuardedDeps, guardedRoutes } from './admin/guarded.ts'
import { adminEndpoints } from './admin/index.ts'
import { openApi } from './admin/openapi.ts'
import { registrationEndpoint } from './admin/register.ts'
import { type AuthorityDeps, type Base, closeBase, openBase } from './base.ts'
import { type AuthorityConfig, adminResource } from './config.ts'
import { askedOf, openDecisions } from './decision-door.ts'
import type { Domain } from './domain/domain.ts'
import { createFront, type Front } from './front/index.ts'
import { actsOfPeople, frontAuthentication, frontGrants, frontProof } from './front-ports.ts'
import { findGrant } from './grants/grants.ts'
import { clientRoutes } from './http/clients.ts'
import { publicRoutes } from './http/public.ts'
import type { ClientAuthDeps } from './issuance/authenticate-client.ts'
import { createMinter } from './issuance/claims.ts'
import { introspectionEndpoint, revocationEndpoint } from './issuance/client-endpoints.ts'
import { createProofChecker, type ProofChecker } from './issuance/proof.ts'
import type { RedeemDeps } from './issuance/redeem.ts'
import { sweepStatements } from './issuance/tables.ts'
import { tokenEndpoint } from './issuance/token-endpoint.ts'
import { secret } from './keys/secrets.ts'
import type { SigningKeys } from './keys/signing-keys.ts'
import { onceDespiteFullDisk } from './once-despite-full-disk.ts'
import type { Registry } from './registry/registry.ts'
import { SERVER_SCOPES } from './registry/resources.ts'
import { storeTools } from './registry/tools.ts'
import { revocationStatements } from './revocation/revoke.ts'
import { problems, served, statusOf, watch } from './status.ts'
import { sweepTasks } from './tasks/index.ts'
import { type Withdrawals, withdrawals } from './withdrawals.ts'

/** What a gateway in the same process is handed. */
export interface Embedded {
  readonly domain: Domain
  readonly revocations: Follower
  readonly decider: PolicyDecider
  /** Marks tasks that read what strangers wrote, before they do. */
  readonly tasks: Base['tasks']
  /** The registry as the decider sees it. */
  readonly view: Base['view']
  readonly recorder: Recorder
  readonly signingKeys: SigningKeys
  readonly registry: () => Registry
  /** Told after every change of the registry that this node has applied. */
  readonly onRegistry: Base['onRegistry']
  readonly ledger: Ledger
  readonly db: Database
  readonly once: DbOnce
  /** Where this process counts, and whoever collects its traces. */
  readonly metrics: Base['metrics']
  readonly tracing: Base['tracing']
  /** What a server offers, as the gateway saw it: consent pages name the tools. */
  readonly tellTools: (
    server: string,
    definitions: readonly (JsonObject & { readonly name: string })[],
  ) => Promise<void>
}

export interface Authority {
  /** The issuer. */
  readonly url: string
  /** Where it listens. */
  readonly port: number
  readonly embedded: Embedded
  /** Only while there is no owner; valid for ten minutes, and a new one voids it. */
  readonly setupLink: { readonly url: string; readonly expiresAt: number } | undefined
  readonly routes: readonly Route[]
  close(): Promise<void>
}

/** The decider should know them from their first act on; if it does not yet, their role is unknown and opens nothing. */
const joined = ({ view, deps }: Base): Promise<unknown> =>
  view.reload().catch((error: unknown) => deps.log.warn('people_not_reloaded', { detail: String(error) }))

const openFront = async (base: Base, auth: ClientAuthDeps, proofs: ProofChecker, acts: Withdrawals): Promise<Front> =>
  createFront({
    ...base.deps,
    issuer: base.config.issuer,
    domain: base.core.domain.id,
    db: base.core.db,
    once: base.once,
    clients: base.clients,
    resources: base.resources,
    grants: frontGrants(base.core, base.clients, acts),
    acts: actsOfPeople({
      ...base.deps,
      issuer: base.config.issuer,
      domain: base.core.domain.id,
      decider: base.deciding,
      recorder: base.outbox.recorder,
      outbox: base.outbox,
      revocations: base.follower,
      joined: () => joined(base),
    }),
    authenticateClient: frontAuthentication(auth, base.once),
    checkProof: frontProof(proofs, base.config.issuer, base.once),
    secrets: [await secret(base.secrets, 'cookies')],
    upstreams: base.config.upstreams,
    upstreamFetch: base.deps.fetch,
  })

const tokenRoutes = async (
  base: Base,
  auth: ClientAuthDeps,
  proofs: ProofChecker,
  front: Front,
  { revoke, revokeUnasked }: Withdrawals,
) => {
  const { core, config, signingKeys, outbox, follower, once, deciding: decider } = base
  const own: Party = { iss: config.issuer, sub: config.issuer }
  const revokeGrant = (id: string, reason: string): Promise<void> => revokeUnasked(id, own, reason)
  const find = (id: string) => findGrant(core, id)
  const signingKey = () => signingKeys.active()
  const claim: RedeemDeps['claim'] = (use, key, until, conflict) => once.claimStatement(use, key, until, conflict)
  const token = tokenEndpoint({
    auth,
    proofs,
    grants: {
      code: { ...core, codes: front.codes, findGrant: find, revokeGrant, issuer: own },
      refresh: { core, findGrant: find, revokeGrant },
      own: { issuer: config.issuer, scopesAt: (resource) => scopesAt(base, resource) },
    },
    redeem: {
      core,
      minter: createMinter({ signingKey, clock: core.clock }),
      claim,
      headSql: 'SELECT number AS feed FROM feed_head WHERE domain = ?',
      owed: (debt) => outbox.statement(debt),
      registryNumber: () => base.registry().number,
    },
    signIdToken: signingKey,
    clock: core.clock,
    random: core.random,
    decider,
    recorder: outbox.recorder,
    outbox,
    revocations: follower,
  })
  const shared = {
    auth,
    once,
    clock: core.clock,
    random: core.random,
    decider,
    recorder: outbox.recorder,
    spool: silent(core.random),
    outbox,
    revocations: follower,
    claim,
    introspection: { core, signingKeys, audiencesOf: () => audiences(base) },
    revoke,
  }
  return clientRoutes({
    'token.issue': token,
    'token.introspect': introspectionEndpoint(shared),
    'token.revoke': revocationEndpoint(shared),
  })
}

const audiences = ({ registry, config }: Base): readonly string[] => [
  adminResource(config.issuer),
  ...registry().servers.map(({ resource }) => resource),
]

const scopesAt = (base: Base, resource: string): readonly string[] | undefined =>
  audiences(base).includes(resource) ? SERVER_SCOPES : undefined

/** For what is not an act: nothing is written down, and nothing waits. */
const silent = (random: Random): Recorder => ({
  intent: async () => ({ id: newId('rec', random), index: -1, leaf: '' }),
  outcome: () => undefined,
  refusal: () => undefined,
})

const adminRoutes = async (base: Base, { reduce }: Withdrawals) => {
  const { config, core, signingKeys, follower, once, deciding: decider, outbox, ledger } = base
  const resource = adminResource(config.issuer)
  const admin: AdminDeps = {
    ...base,
    gatewayUrl: config.gatewayUrl,
    auditIndex: createAuditIndex(ledger),
    intake: await createIntake({ ledger, domain: core.domain.id }),
    feed: createStoreSource(base.store),
    revocationOf: (what, reason) => revocationStatements(core, what, reason),
    reduce,
    status: async () => statusOf(base),
  }
  const endpoints = [
    ...adminEndpoints(admin),
    ...(base.dynamic === undefined ? [] : [registrationEndpoint(base.dynamic)]),
  ]
  const guard: GuardedDeps = {
    resource,
    issuer: config.issuer,
    authenticator: createTokenAuthenticator({
      issuers: [
        {
          issuer: config.issuer,
          keys: { key: (kid) => signingKeys.find(kid)?.publicKey },
          domain: core.domain.id,
          epoch: () => core.domain.epoch,
        },
      ],
      clock: core.clock,
      random: core.random,
      revocations: follower,
      once:
        config.database.engine === 'sqlite' ? onceDespiteFullDisk(once, createMemoryOnce({ clock: core.clock })) : once,
      // The replay set is in the database and outlives this process.
      fence: false,
      skewSeconds: config.clockSkewSeconds,
    }),
    clock: core.clock,
    random: core.random,
    decider,
    recorder: outbox.recorder,
    spool: silent(core.random),
    outbox,
    revocations: follower,
    changed: () => base.store.announce(),
  }
  const decisions = await openDecisions(base, guard)
  return {
    endpoints: [...endpoints, ...decisions.endpoints],
    routes: [...guardedRoutes(endpoints, guard), ...decisions.routes],
  }
}

const listener = async (base: Base, front: Front, routes: readonly Route[]): Promise<HttpServer> => {
  const { config, deps, metrics, tracing } = base
  return createHttpServer({
    routes,
    mounts: [
      {
        name: 'front.authorize',
        prefixes: ['/authorize', '/par'],
        handler: async (req, res) => {
          if (!(await front.handle(req, res))) res.writeHead(404).end()
        },
      },
    ],
    trustedProxies: config.trustedProxies,
    ...(config.tls === undefined ? {} : { tls: { ...config.tls, ...askedOf(config) } }),
    log: deps.log,
    clock: deps.clock,
    random: deps.random,
    onServed: served(metrics),
    ...(tracing === undefined ? {} : { tracing }),
  })
}

export const startAuthority = async (config: AuthorityConfig, deps: AuthorityDeps): Promise<Authority> => {
  const base = await openBase(config, deps)
  try {
    return await serve(base)
  } catch (error) {
    await closeBase(base)
    throw error
  }
}

const serve = async (base: Base): Promise<Authority> => {
  const { config, deps } = base
  watch(base)
  const acts = withdrawals(base)
  const auth: ClientAuthDeps = {
    issuer: config.issuer,
    clock: deps.clock,
    skewSeconds: config.clockSkewSeconds,
    clients: base.clients,
    directory: base.directory,
  }
  const proofs = createProofChecker({
    clock: deps.clock,
    nonceSecrets: [await secret(base.secrets, 'dpop_nonce')],
    nonce: config.dpopNonce,
  })
  const front = await openFront(base, auth, proofs, acts)
  const admin = await adminRoutes(base, acts)
  const open = publicRoutes({
    issuer: config.issuer,
    signingKeys: base.signingKeys,
    metrics: base.metrics,
    openApi: () => openApi(config.issuer, admin.endpoints),
    dynamicRegistration: config.dynamicRegistration,
    cimd: config.cimd.enabled,
    notReady: () => problems(base),
  })
  const routes = [...open, ...(await tokenRoutes(base, auth, proofs, front, acts)), ...admin.routes, ...front.routes]
  const server = await listener(base, front, routes)
  const address = await server.listen(config.listen.port, config.listen.host)
  await base.follower.ready()
  const upkeep = setInterval(() => {
    keepUp(base, front).catch((error: unknown) => deps.log.warn('upkeep_failed', { detail: String(error) }))
  }, UPKEEP_MS).unref()
  const stopListening = listenToOthers(base)
  let closing: Promise<void> | undefined
  return {
    url: config.issuer,
    port: address.port,
    routes,
    embedded: {
      ...base,
      domain: base.core.domain,
      revocations: base.follower,
      recorder: base.outbox.recorder,
      db: base.core.db,
      tellTools: (server, definitions) => storeTools(base.core, server, definitions),
    },
    setupLink: (await base.people.hasOwner()) ? undefined : await base.people.createSetupLink(),
    close: () => {
      stopListening()
      closing ??= closeAll(base, server, upkeep)
      return closing
    },
  }
}

const UPKEEP_MS = 60_000

/** What has run out goes, in bounded portions; people who came in at another node become known. */
const keepUp = async (base: Base, front: Front): Promise<void> => {
  await front.sweep()
  await base.core.db.atomically([...sweepStatements(base.core), sweepTasks(base.core)])
  await base.view.reload()
}

const OTHERS_MS = 1_000

/**
 * Of what other nodes do, what the feed does not tell: who came in there, and what a node that died still owed the ledger.
 */
const listenToOthers = (base: Base): (() => void) => {
  if (base.config.database.engine === 'sqlite') return () => undefined
  const timer = setInterval(() => {
    void joined(base)
    base.outbox.kick()
  }, OTHERS_MS).unref()
  return () => clearInterval(timer)
}

const closeAll = async (base: Base, server: HttpServer, upkeep: NodeJS.Timeout): Promise<void> => {
  clearInterval(upkeep)
  await server.close()
  await closeBase(base)
}
