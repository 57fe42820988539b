/**
 * Client-id metadata documents: fetched by the one safe fetcher, judged by protocol, kept for a bounded time.
 *
 * INVARIANT: a failure is never cached for others and never replaced by an older document that has run out.
 */
import type { Clock } from '@credence/kit'
import { refused, toCredenceError } from '@credence/kit'
import type { SafeFetch, SafeResponse } from '@credence/kit/fetch'
import { parseStrict } from '@credence/kit/json'
import type { Logger } from '@credence/kit/telemetry'
import { type ClientMetadataDocument, MAXIMUM_BYTES, parseClientMetadata } from '@credence/protocol/cimd'
import { parseJwkSet, thumbprint } from '@credence/protocol/jose'
import type { Core } from '../core.ts'
import type { ClientView, PublicJwk } from '../ports.ts'

export interface Cimd {
  find(url: string): Promise<Omit<ClientView, 'bearerResources'> | undefined>
}

export interface CimdDeps {
  readonly core: Pick<Core, 'domain'>
  readonly clock: Pick<Clock, 'now'>
  readonly fetch: SafeFetch
  readonly log: Logger
}

const LEAST_MS = 60_000
const MOST_MS = 3_600_000
const REMEMBERED = 1_000

interface Remembered {
  readonly until: number
  readonly client: Omit<ClientView, 'bearerResources'>
}

/** RFC 9111 section 4.2.1, bounded in both directions: a year is an hour, nothing is a minute. */
const freshMs = (response: SafeResponse): number => {
  const control = response.headers['cache-control'] ?? ''
  const seconds = Number(/(?:^|[\s,])max-age=(\d{1,9})/i.exec(control)?.[1] ?? 300)
  return Math.min(MOST_MS, Math.max(LEAST_MS, seconds * 1000))
}

const keysOf = (document: ClientMetadataDocument): readonly PublicJwk[] =>
  document.jwks === undefined
    ? []
    : parseJwkSet(document.jwks).map(({ jwk, key }) => ({ ...jwk, kid: jwk.kid ?? thumbprint(key) }))

const viewOf = (
  url: string,
  document: ClientMetadataDocument,
  deps: CimdDeps,
): Omit<ClientView, 'bearerResources'> => ({
  clientId: url,
  kind: 'cimd',
  name: document.client_name ?? new URL(url).host,
  domain: deps.core.domain.id,
  redirectUris: document.redirect_uris,
  grantTypes: document.grant_types ?? ['authorization_code'],
  authMethod: document.token_endpoint_auth_method === 'private_key_jwt' ? 'private_key_jwt' : 'none',
  keys: keysOf(document),
  status: 'active',
  ...(document.client_uri === undefined ? {} : { clientUri: document.client_uri }),
})

const load = async (url: string, deps: CimdDeps): Promise<Remembered> => {
  const response = await deps.fetch(url, {
    maxBytes: MAXIMUM_BYTES,
    contentTypes: ['application/json', 'application/client-id-metadata+json'],
    headers: { accept: 'application/json' },
  })
  if (response.status !== 200) throw refused('cimd_status', 'The client metadata document was not answered with 200.')
  const document = parseClientMetadata(parseStrict(response.bytes), url)
  return { until: deps.clock.now() + freshMs(response), client: viewOf(url, document, deps) }
}

export const createCimd = (deps: CimdDeps): Cimd => {
  const known = new Map<string, Remembered>()
  const running = new Map<string, Promise<Remembered>>()

  const fetchOnce = (url: string): Promise<Remembered> => {
    const already = running.get(url)
    if (already !== undefined) return already
    const started = load(url, deps).finally(() => running.delete(url))
    running.set(url, started)
    return started
  }

  return {
    find: async (url) => {
      const remembered = known.get(url)
      if (remembered !== undefined && remembered.until > deps.clock.now()) return remembered.client
      known.delete(url)
      try {
        const loaded = await fetchOnce(url)
        if (known.size >= REMEMBERED) known.delete(known.keys().next().value ?? '')
        known.set(url, loaded)
        return loaded.client
      } catch (cause) {
        const error = toCredenceError(cause)
        deps.log.warn('cimd_refused', { client: url, code: error.code, detail: error.detail ?? error.message })
        if (error.kind === 'bug') throw error
        return undefined
      }
    },
  }
}
