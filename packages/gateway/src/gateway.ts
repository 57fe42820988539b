/** The guard in front of MCP servers that know nothing of authorization. */
import {
  createGuard,
  type Decider,
  type Guard,
  type GuardOptions,
  meteredRecorder,
  type Revocations,
} from '@credence/guard'
import { type Clock, newId, type Random, refused } from '@credence/kit'
import {
  bindRoutes,
  type EdgeRequest,
  type EdgeResponse,
  type Route,
  replyJson,
  replyText,
  type Served,
  servedMetrics,
} from '@credence/kit/http'
import { createMetrics, type Metrics, type Tracing } from '@credence/kit/telemetry'
import { handleMessage } from './mcp/endpoint.ts'
import { checkOrigin, type OriginRules } from './origin.ts'
import { gatewayRoutes } from './routes.ts'
import {
  createServers,
  type GatewayServer,
  type ServerDirectory,
  type ServerEntry,
  type UpstreamFactory,
} from './server.ts'

export interface GatewayOptions {
  readonly directory: ServerDirectory
  readonly upstreams: UpstreamFactory
  /** Everything that a guard needs besides the resource: issuers, decider, recorder, once, revocations. */
  readonly guard: Omit<GuardOptions, 'resource' | 'name' | 'scope' | 'clock' | 'random'>
  readonly clock: Clock
  readonly random: Random
  readonly origins: OriginRules
  /** Default five minutes. */
  readonly callTimeoutMs?: number
  /** Absent: metrics of its own. */
  readonly metrics?: Metrics
  /** Absent: no spans. */
  readonly tracing?: Tracing
}

export interface Gateway {
  readonly routes: readonly Route[]
  /** What the listener of these routes is to be told of every request, so that `/metrics` can count it. */
  readonly onServed: (served: Served) => void
  close(): Promise<void>
}

/** What a client is told to ask for; the consent page narrows it to tools. */
export const CALL_SCOPE = 'mcp:tools'

/** COAZ-MCP binding draft 1: ping and notifications are passed on without a decision; they were authenticated all the same. */
const passThrough = (decider: Decider, random: Random): Decider => ({
  decide: (operation, caller) =>
    operation.method === 'ping' || operation.method.startsWith('notifications/')
      ? {
          id: newId('dec', random),
          effect: 'granted',
          policies: ['builtin:pass-through'],
          policyVersion: 'builtin',
          reason: 'Pings and notifications need no decision.',
          errors: [],
          obligations: [],
        }
      : decider.decide(operation, caller),
})

export const createGateway = (options: GatewayOptions): Gateway => {
  const { clock, random, directory, upstreams, origins } = options
  const decider = passThrough(options.guard.decider, random)
  const metrics = watched(options.metrics ?? createMetrics(), options.guard.revocations)
  const recorder = meteredRecorder(options.guard.recorder, metrics, options.tracing)
  const nonceSecret = random.bytes(32)
  const guardOf = (entry: ServerEntry): Guard =>
    createGuard({
      nonceSecret,
      ...options.guard,
      decider,
      recorder,
      clock,
      random,
      resource: entry.resource,
      name: entry.name,
      scope: [CALL_SCOPE],
      authorizationDetailsTypes: ['mcp_tools'],
    })
  const servers = createServers({ directory, upstreams, guardOf, clock })
  const deps = { decider, random, callTimeoutMs: options.callTimeoutMs ?? 300_000 }

  const serverOf = (request: EdgeRequest): GatewayServer => {
    checkOrigin(request, origins)
    const server = servers.find(request.params.server ?? '')
    if (server === undefined) throw refused('server_unknown', 'There is no such server.', { status: 404 })
    return server
  }

  return {
    onServed: servedMetrics(metrics),
    routes: bindRoutes(gatewayRoutes, {
      'mcp.message': (request) => handleMessage(request, serverOf(request), deps),
      'mcp.stream': (request) => notOffered(serverOf(request)),
      'mcp.session': (request) => notOffered(serverOf(request)),
      'mcp.metadata': (request) => metadata(request, serverOf(request)),
      'gateway.health': () => replyJson({ status: 'ok' }),
      'gateway.ready': () => ready(options.guard.revocations),
      'gateway.metrics': () => replyText(metrics.text()),
    }),
    close: () => servers.close(),
  }
}

const watched = (metrics: Metrics, revocations: Pick<Revocations, 'lease'>): Metrics => {
  const fresh = metrics.gauge('credence_lease_fresh', '1 while this node knows the newest revocations')
  metrics.collect(() => fresh.set(revocations.lease() === 'fresh' ? 1 : 0))
  return metrics
}

/** > HTTP GET or DELETE to the MCP endpoint: respond with 405 Method Not Allowed. No revision obliges a server to offer more. */
const notOffered = (_server: GatewayServer): EdgeResponse =>
  replyJson({ error: 'method_not_allowed' }, { status: 405, headers: { allow: 'POST' } })

const metadata = (request: EdgeRequest, server: GatewayServer): EdgeResponse => {
  const answer = server.guard.metadata('GET', request.path)
  if (answer === undefined) throw refused('not_found', 'There is nothing here.', { status: 404 })
  return answer
}

/** Ready to release consequential operations: this node knows the newest revocations. */
const ready = (revocations: Pick<Revocations, 'lease'>): EdgeResponse => {
  const lease = revocations.lease()
  return replyJson(
    { status: lease === 'fresh' ? 'ready' : 'waiting', lease },
    { status: lease === 'fresh' ? 200 : 503 },
  )
}
