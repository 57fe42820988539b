/** The door of `/v1`: every endpoint goes through the guard's pipeline with an access token of this domain. */
import {
  type Authenticator,
  type Call,
  createPipeline,
  type Decider,
  httpRefusal,
  type Outbox,
  type Recorder,
  type Revocations,
} from '@credence/guard'
import { type Clock, isCredenceError, type Random } from '@credence/kit'
import {
  type EdgeRequest,
  type EdgeResponse,
  type ErrorFormat,
  type Route,
  replyJson,
  replyNothing,
  replyText,
} from '@credence/kit/http'
import type { JsonValue } from '@credence/model'
import type { PresentedCaller } from '../decisions/certificate-authenticator.ts'
import type { PresentedCertificate } from '../decisions/certificates.ts'
import { traceOf } from '../http/trace.ts'
import { type Asked, type Endpoint, readBody, scopesOf } from './endpoint.ts'

export interface GuardedDeps {
  readonly resource: string
  readonly issuer: string
  readonly authenticator: Authenticator<PresentedCaller>
  /** Where client certificates count: the one of the connection. */
  readonly certificateOf?: (edge: EdgeRequest) => PresentedCertificate | undefined
  readonly clock: Clock
  readonly random: Random
  readonly decider: Decider
  readonly recorder: Recorder
  /** For reading and for the plumbing of nodes, which would otherwise record itself without end. */
  readonly spool: Recorder
  readonly outbox: Outbox
  readonly revocations: Pick<Revocations, 'lease' | 'renewed'>
  /** Called after every consequential act, for those who wait on the feed. */
  readonly changed: () => void
}

/** The authority's own labels for its own lists: reading them changes nothing and is not an act. */
const READING = { effect: 'read', publicData: true } as const

const presented = (edge: EdgeRequest, deps: GuardedDeps): PresentedCaller => ({
  method: edge.method,
  url: `${deps.issuer}${edge.path}`,
  resource: deps.resource,
  authorization: edge.headers.all('authorization'),
  dpop: edge.headers.all('dpop'),
  certificate: deps.certificateOf?.(edge),
})

const readAsked = async (edge: EdgeRequest, endpoint: Endpoint<never>): Promise<Asked<never>> => ({
  params: edge.params,
  query: readBody(endpoint.query, edge.query.toObject()) ?? {},
  body: readBody(endpoint.body, endpoint.body === undefined ? undefined : await edge.json(), endpoint.bodyError),
  signal: edge.signal,
})

/** NOTE: the arguments are part of the hash of what is done; bodies of nodes' plumbing are not acts and stay out. */
const argumentsOf = (endpoint: Endpoint<never>, asked: Asked<never>): JsonValue =>
  endpoint.consequential ? { params: asked.params, body: (asked.body as JsonValue | undefined) ?? null } : null

const answer = (endpoint: Endpoint<never>, value: unknown): EdgeResponse =>
  value === undefined ? replyNothing() : replyJson(value, { status: endpoint.status ?? 200 })

/** RFC 6750 and RFC 9728: a refusal says how to come back. The edge words everything else. */
const challenging = async (
  resource: string,
  format: ErrorFormat | undefined,
  call: () => Promise<EdgeResponse>,
): Promise<EdgeResponse> => {
  try {
    return await call()
  } catch (error) {
    if (!isCredenceError(error) || error.kind !== 'refused' || (error.status !== 401 && error.status !== 403))
      throw error
    const refusal = httpRefusal(error, { resource })
    if (format !== 'text') return refusal
    const { 'Content-Type': _problem, ...headers } = refusal.headers
    return replyText(error.message, { status: refusal.status, headers })
  }
}

export const guardedRoutes = (endpoints: readonly Endpoint<never>[], deps: GuardedDeps): Route[] => {
  const pipeline = createPipeline<PresentedCaller>(deps)
  const handler =
    (endpoint: Endpoint<never>) =>
    async (edge: EdgeRequest): Promise<EdgeResponse> => {
      const trace = traceOf(edge)
      let asked: Asked<never> | undefined
      const call: Call<PresentedCaller, EdgeResponse> = {
        input: presented(edge, deps),
        ...(trace === undefined ? {} : { trace }),
        map: async (caller) => {
          asked = await readAsked(edge, endpoint)
          return {
            resource: deps.resource,
            method: endpoint.operation,
            name: endpoint.target?.(asked) ?? '',
            arguments: argumentsOf(endpoint, asked),
            scope: [scopesOf(endpoint).find((scope) => caller.scope.includes(scope)) ?? endpoint.access],
            reduces: endpoint.reduces === true,
            ...(endpoint.consequential ? {} : { labels: READING }),
            ...(endpoint.facts === undefined ? {} : { facts: endpoint.facts(asked) }),
          }
        },
        send: async (release) => {
          const value = await endpoint.act(asked as Asked<never>, release)
          if (endpoint.consequential) deps.changed()
          return { value: answer(endpoint, value) }
        },
      }
      return challenging(deps.resource, endpoint.errors, () => pipeline(call))
    }
  return endpoints.map(({ method, path, name, access, consequential, maxBody, ...rest }) => ({
    method,
    path,
    name,
    access,
    consequential,
    errors: rest.errors ?? ('problem' as const),
    ...(maxBody === undefined ? {} : { maxBody }),
    handler: handler({ method, path, name, access, consequential, ...rest }),
  }))
}
