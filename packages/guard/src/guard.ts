/** A resource server that guards itself: one resource, the pipeline, and the answers of the door. */
import { createMemoryOnce, type Once, refused } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { createResourceMetadata, resourceMetadataUrl } from '@credence/protocol/resource-metadata'
import { type HttpRefusal, httpRefusal } from './http/refusal.ts'
import { createPipeline, type PipelineDeps } from './pipeline.ts'
import type { Revocations } from './ports.ts'
import type { MapStep } from './stages/operation.ts'
import type { Send } from './stages/outcome.ts'
import { createTokenAuthenticator, type TokenAuthenticatorOptions } from './token/authenticator.ts'
import type { PresentedToken } from './token/presented-token.ts'

type Optional = 'clock' | 'random' | 'once'
type World = Pick<TokenAuthenticatorOptions, 'random'> & {
  readonly once: Once
  readonly clock: PipelineDeps<never>['clock']
}

export interface GuardOptions
  extends Omit<TokenAuthenticatorOptions, Optional | 'revocations'>,
    Omit<PipelineDeps<PresentedToken>, Optional | 'authenticator' | 'revocations' | 'skewSeconds'>,
    Partial<World> {
  /** Resource identifier (RFC 8707): the URL that clients call; the audience that their tokens must have. */
  readonly resource: string
  readonly revocations: Revocations
  /** Scopes that a client without a token is told to ask for. Keep it small. */
  readonly scope?: readonly string[]
  readonly name?: string
  readonly authorizationDetailsTypes?: readonly string[]
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The parts of a request that say who is asking; field values as they were sent, not joined. */
export interface DoorRequest {
  readonly method: string
  /** Path and query, as on the request line. */
  readonly target: string
  readonly authorization: readonly string[]
  readonly dpop: readonly string[]
  readonly trace?: string | undefined
}

export interface Guard {
  readonly resource: string
  readonly scope: readonly string[]
  /** The metadata of RFC 9728 when the request asks for it; nobody needs a token to read it. */
  metadata(method: string, target: string): HttpAnswer | undefined
  call<Result>(request: DoorRequest, map: MapStep, send: Send<Result>): Promise<Result>
  refusal(error: unknown): HttpRefusal
}

export const createGuard = (options: GuardOptions): Guard => {
  const world = worldOf(options)
  const authenticator = createTokenAuthenticator({ ...options, ...world })
  const pipeline = createPipeline({ ...options, ...world, authenticator })
  const { origin } = new URL(options.resource)
  const answer = metadataAnswer(options)
  return {
    resource: options.resource,
    scope: options.scope ?? [],
    metadata: (method, target) => (method === 'GET' && pathOf(target) === answer.path ? answer : undefined),
    call: ({ method, target, authorization, dpop, trace }, map, send) =>
      pipeline({
        input: { method, url: origin + originForm(target), resource: options.resource, authorization, dpop },
        map,
        send,
        ...(trace === undefined ? {} : { trace }),
      }),
    refusal: (error) => httpRefusal(error, options),
  }
}

/** This is the composition root of a guard that stands alone, hence the ambient defaults. */
const worldOf = (options: GuardOptions): World => {
  const clock = options.clock ?? nodeClock
  return { clock, random: options.random ?? nodeRandom, once: options.once ?? createMemoryOnce({ clock }) }
}

/** INVARIANT: the URL that a proof is checked against comes from configuration; a target cannot bring a host. */
export const originForm = (target: string): string => {
  if (target.startsWith('/') && !target.startsWith('//')) return target
  throw refused('request_malformed', 'The request target must be a path.', { status: 400, standard: 'invalid_request' })
}

const pathOf = (target: string): string => target.split('?', 1)[0] ?? ''

const metadataAnswer = (options: GuardOptions): HttpAnswer & { readonly path: string } => ({
  path: new URL(resourceMetadataUrl(options.resource)).pathname,
  status: 200,
  headers: { 'Content-Type': 'application/json', 'Cache-Control': 'max-age=300', 'Access-Control-Allow-Origin': '*' },
  body: JSON.stringify(
    createResourceMetadata({
      resource: options.resource,
      authorizationServers: options.issuers.map(({ issuer }) => issuer),
      dpopRequired: options.bearer === undefined,
      ...(options.scope === undefined ? {} : { scopes: options.scope }),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.authorizationDetailsTypes === undefined
        ? {}
        : { authorizationDetailsTypes: options.authorizationDetailsTypes }),
    }),
  ),
})
