/** A gateway in a process of its own: it follows the feed of its authority and records into its ledger over the network. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createAgent, loadSigner } from '@credence/agent'
import { createNetworkRecorder } from '@credence/audit'
import { adminResource, createMappedDecider, openShadow, type Registry, whenFresh } from '@credence/authority'
import { processTracing } from '@credence/authority/tracing'
import { createDbOnce, type Database, openPostgres } from '@credence/db'
import { createGateway, type Gateway, type GatewayOptions } from '@credence/gateway'
import { refused, unavailable } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { Logger, Tracing } from '@credence/kit/telemetry'
import type { DomainId } from '@credence/model'
import {
  type AgentView,
  compilePolicySet,
  createDecider,
  decodePolicySource,
  type PolicyDecider,
  type PolicySource,
  type RegistryView,
  type ShadowCheck,
} from '@credence/policy'
import {
  createFollower,
  createHttpFeedSource,
  createRevocationIndex,
  createTaskMarker,
  createTaskMarks,
  type FeedEntry,
  type Follower,
  type TaskMarker,
  type TaskMarks,
} from '@credence/sync'
import { createApi } from '../api.ts'
import { keyFile, readIdentity } from '../identities.ts'
import type { Settings } from '../settings.ts'
import { remoteDecisions } from './decision-point.ts'
import { gatewayListener, hostLog, listen, portOf, requireHttps } from './host.ts'
import { type ProofMemory, rememberProofs } from './proofs.ts'
import { createLiveDirectory, createUpstreams, type LiveDirectory, type Upstreams } from './servers.ts'
import { createToolTeller, type ToolTellerDeps } from './tools.ts'
import { originRules, stdioOf } from './up.ts'

/** Answer of `GET /v1/state`. */
interface State {
  readonly head: number
  readonly domain: { readonly id: DomainId; readonly issuer: string; readonly epoch: number }
  readonly registry: Registry
  readonly agents: readonly AgentView[]
  readonly people: readonly { readonly id: string; readonly role: 'owner' | 'member' }[]
  readonly policy: { readonly source: PolicySource }
  readonly jwks: { readonly keys: readonly ({ readonly kid?: string } & Record<string, unknown>)[] }
}

export interface RunningNode {
  readonly issuer: string
  readonly port: number
  close(): Promise<void>
}

export interface NodeOptions {
  /** Its identity: an agent of role `node`. */
  readonly folder: string
  /** The load balancer sends all requests of one proof key to one node. */
  readonly routedByKey: boolean
}

/** What this node knows of its domain besides revocations; replaced as a whole. */
interface Held {
  agents: ReadonlyMap<string, AgentView>
  people: ReadonlyMap<string, 'owner' | 'member'>
  keys: ReadonlyMap<string, KeyObject>
}

const keysOf = (jwks: State['jwks'], before?: ReadonlyMap<string, KeyObject>): Map<string, KeyObject> => {
  const keys = new Map<string, KeyObject>()
  for (const jwk of jwks.keys) {
    if (jwk.kid === undefined) continue
    const key = createPublicKey({ key: jwk as never, format: 'jwk' })
    const same = before?.get(jwk.kid)
    // The same object, so that tokens which it verified stay remembered.
    keys.set(jwk.kid, same?.equals(key) === true ? same : key)
  }
  return keys
}

const heldOf = (state: State, before?: Held): Held => ({
  agents: new Map(state.agents.map((agent) => [agent.id, agent])),
  people: new Map(state.people.map(({ id, role }) => [id, role])),
  keys: keysOf(state.jwks, before?.keys),
})

const viewOf = (held: () => Held, directory: LiveDirectory, issuer: string): RegistryView => ({
  agent: (id) => held().agents.get(id),
  server: (resource) => {
    const entry = directory.list().find((server) => server.resource === resource)
    return entry === undefined ? undefined : directory.server(entry.name)
  },
  tool: (resource, name) => {
    const server = directory.list().find((one) => one.resource === resource)
    return server === undefined ? undefined : { name, ...server.labelsOf(name) }
  },
  person: ({ iss, sub }) => {
    const role = iss === issuer ? held().people.get(sub) : undefined
    return role === undefined ? undefined : { role, owners: [] }
  },
})

/** Nothing seen here may be seen again by another node: one store for all of them, or one node for each key. */
const openOnce = async (
  settings: Settings,
  domain: DomainId,
  routedByKey: boolean,
): Promise<ProofMemory & { db?: Database }> => {
  if (settings.databaseUrl !== undefined) {
    const schema = settings.databaseSchema === undefined ? {} : { schema: settings.databaseSchema }
    const db = await openPostgres({ url: settings.databaseUrl, ...schema })
    return { once: createDbOnce(db, domain, { clock: nodeClock }), fence: false, db }
  }
  if (routedByKey) return rememberProofs(nodeClock)
  throw refused(
    'replay_unprotected',
    'A proof that was used at one gateway could be used again at this one. Share a database (--database-url), or let the load balancer send every key to one gateway and say so (--routed-by-key).',
  )
}

const connectAuthority = async (settings: Settings, folder: string) => {
  const { clientId, issuer } = readIdentity(folder)
  requireHttps(issuer, 'the authority')
  const agent = createAgent({
    clientId,
    signer: await loadSigner(keyFile(folder)),
    clock: nodeClock,
    random: nodeRandom,
    allowPrivate: [new URL(issuer).host, ...settings.allowPrivate],
  })
  const fetch = agent.apiFetch(issuer, adminResource(issuer), 'node')
  return { clientId, issuer, fetch, api: createApi(issuer, fetch, () => agent.close()) }
}

type Connected = Awaited<ReturnType<typeof connectAuthority>>

const follow = (
  { issuer, fetch, api }: Connected,
  state: State,
  apply: {
    held: (state: State) => void
    registry: (registry: Registry) => void
    decider: PolicyDecider
    marks: TaskMarks
  },
  log: Logger,
): Follower => {
  const source = createHttpFeedSource({
    url: `${issuer}/v1/feed`,
    authorize: () => ({}),
    send: async ({ url, ...request }) => {
      const answer = await fetch(url, request)
      return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) }
    },
  })
  const onEntry = async (entry: FeedEntry): Promise<void> => {
    // The state was read at `head`: what came before is in it.
    if (entry.number <= state.head) return
    if (entry.kind === 'registry') apply.registry(JSON.parse(entry.body) as Registry)
    if (entry.kind === 'policy') apply.decider.activate(await compilePolicySet(decodePolicySource(entry.body)))
    if (entry.kind === 'agent' || entry.kind === 'keys') apply.held(await api.get<State>('/v1/state'))
  }
  return createFollower({
    domain: state.domain.id,
    source,
    clock: nodeClock,
    index: createRevocationIndex({ clock: nodeClock }),
    marks: apply.marks,
    onEntry,
    onError: (error) => log.warn('feed_poll_failed', { detail: String(error) }),
  })
}

const recorderOf = ({ clientId, api }: Connected, domain: DomainId, log: Logger) =>
  createNetworkRecorder({
    domain,
    emitter: clientId,
    clock: nodeClock,
    random: nodeRandom,
    onAlert: (alert) => log.error('audit_alert', { alert: alert.kind }),
    send: async (records) => (await api.send<{ results: never }>('POST', '/v1/records', { records })).results,
  })

const FIRST_LEASE_MS = 30_000

/** The timer holds the process: the follower's own do not. */
const inTime = async (ready: Promise<void>): Promise<void> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const error = unavailable('feed_unanswered', 'The authority does not answer the feed of this node in time.')
  const timer = setTimeout(() => reject(error), FIRST_LEASE_MS)
  try {
    await Promise.race([ready, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Marks are the authority's to make; its answer says that one is durable. */
const taskMarker = ({ api }: Connected, marks: TaskMarks, follower: Follower): TaskMarker =>
  createTaskMarker({
    marks,
    clock: nodeClock,
    follower,
    commit: async (task) => (await api.send<{ until: number }>('POST', '/v1/tasks/marks', { task })).until,
    alone: () => false,
  })

/** What follows the feed: state, servers, policies and revocations of the domain as this node knows them. */
const followDomain = async (connected: Connected, state: State, log: Logger, shadow: ShadowCheck | undefined) => {
  let held = heldOf(state)
  let changed: () => void = () => undefined
  const directory = createLiveDirectory()
  directory.update(state.registry)
  const view = viewOf(() => held, directory, connected.issuer)
  const decider = createDecider({
    snapshot: await compilePolicySet(state.policy.source),
    registry: view,
    random: nodeRandom,
    clock: nodeClock,
    issuer: connected.issuer,
    untrusted: (caller, matters) => tasks.untrusted(caller, matters),
    ...(shadow === undefined ? {} : { shadow }),
    onError: (error) => log.error('decider_failed', { detail: String(error) }),
  })
  const take = (fresh: State): void => {
    held = heldOf(fresh, held)
  }
  const registry = (fresh: Registry): void => {
    directory.update(fresh)
    changed()
  }
  const marks = createTaskMarks({ clock: nodeClock })
  const follower = follow(connected, state, { held: take, registry, decider, marks }, log)
  const tasks = taskMarker(connected, marks, follower)
  const trusted = {
    issuer: connected.issuer,
    keys: { key: (kid: string) => held.keys.get(kid) },
    domain: state.domain.id,
    epoch: () => Math.max(state.domain.epoch, follower.epoch),
  }
  const onRegistry = (listener: () => void): void => {
    changed = listener
  }
  const { issuer } = connected
  const mapped = createMappedDecider({ decider, registry: view, issuer, clock: nodeClock, find: directory.mapping })
  const own = whenFresh(mapped, decider, follower, tasks)
  return { directory, own, follower, tasks, trusted, onRegistry }
}

const openDoor = (
  settings: Settings,
  { directory, follower, tasks, trusted }: Awaited<ReturnType<typeof followDomain>>,
  upstreams: Upstreams,
  rest: ProofMemory & Pick<GatewayOptions['guard'], 'recorder' | 'decider'>,
  tracing: Tracing | undefined,
): Gateway =>
  createGateway({
    directory,
    upstreams,
    guard: {
      ...rest,
      issuers: [trusted],
      revocations: follower,
      tasks,
      bearer: directory.bearer,
      skewSeconds: settings.clockSkewSeconds,
    },
    clock: nodeClock,
    random: nodeRandom,
    origins: originRules(settings),
    ...(tracing === undefined ? {} : { tracing }),
  })

export const startNode = async (settings: Settings, { folder, routedByKey }: NodeOptions): Promise<RunningNode> => {
  requireHttps(settings.gatewayUrl, 'gatewayUrl')
  const log = hostLog(settings)
  const tracing = processTracing()
  const remote = await remoteDecisions(settings, log)
  const connected = await connectAuthority(settings, folder)
  const { issuer, api } = connected
  const state = await api.get<State>('/v1/state')
  const { once, fence, db } = await openOnce(settings, state.domain.id, routedByKey)
  const recorder = recorderOf(connected, state.domain.id, log)
  const shadow = openShadow(settings.shadowCheck, { random: nodeRandom, log, alert: recorder.alert })
  const domain = await followDomain(connected, state, log, shadow)
  const { directory, follower } = domain
  for (const { name, observe } of state.registry.servers)
    if (observe === true) log.warn('policies_not_enforced', { server: name })
  const rules = { stdio: stdioOf(settings), allowPrivate: settings.allowPrivate, hidden: [settings.dataDir, folder] }
  const upstreams = createUpstreams(directory, rules, { clock: nodeClock, log })
  const decider = remote.around(domain.own, directory.mapping)
  const gateway = openDoor(settings, domain, upstreams, { once, fence, recorder, decider }, tracing)
  const server = gatewayListener(settings, gateway, log, tracing)
  const tell: ToolTellerDeps['tell'] = async (name, tools) =>
    api.send('PUT', `/v1/servers/${encodeURIComponent(name)}/tools`, { tools })
  const teller = createToolTeller({ directory, upstreams, tell, log })
  domain.onRegistry(() => teller.look())
  const close = async (): Promise<void> => {
    await teller.close()
    await server.close(2_000)
    await gateway.close()
    await shadow?.close()
    await recorder.drain()
    await recorder.close()
    await follower.close()
    await api.close()
    await remote.close()
    await db?.close()
  }
  try {
    await inTime(follower.ready())
    teller.look()
    return {
      issuer,
      port: await listen(server, portOf(settings.gatewayUrl, settings.gatewayPort), settings.gatewayHost),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
