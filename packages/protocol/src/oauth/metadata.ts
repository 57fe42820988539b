/** RFC 8414 and OpenID Connect Discovery 1.0: the authorization server's description of itself. */
import { z } from 'zod'
import { oauthRefused } from './errors.ts'

const Url = z.string().max(2048).refine(URL.canParse, 'Not a URL')
const Names = z.array(z.string().max(256)).max(256)

export const ServerMetadata = z.looseObject({
  issuer: Url,
  authorization_endpoint: Url.optional(),
  token_endpoint: Url.optional(),
  jwks_uri: Url.optional(),
  pushed_authorization_request_endpoint: Url.optional(),
  introspection_endpoint: Url.optional(),
  revocation_endpoint: Url.optional(),
  registration_endpoint: Url.optional(),
  scopes_supported: Names.optional(),
  response_types_supported: Names.optional(),
  grant_types_supported: Names.optional(),
  token_endpoint_auth_methods_supported: Names.optional(),
  token_endpoint_auth_signing_alg_values_supported: Names.optional(),
  code_challenge_methods_supported: Names.optional(),
  dpop_signing_alg_values_supported: Names.optional(),
  authorization_details_types_supported: Names.optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
  client_id_metadata_document_supported: z.boolean().optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
})
export type ServerMetadata = z.infer<typeof ServerMetadata>

/** RFC 8414 section 2: https, no query, no fragment; http on loopback only. No trailing slash, so that one issuer has one spelling. */
export const isIssuer = (text: string): boolean => {
  if (!URL.canParse(text) || /[?#\s\\]/.test(text) || text.endsWith('/')) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  if (url.pathname === '/' ? text !== url.origin : text !== url.href) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
}

export const isLoopbackHost = (hostname: string): boolean =>
  hostname === '127.0.0.1' || hostname === '[::1]' || hostname === 'localhost'

/**
 * RFC 8414 section 3.3: the issuer in the document is identical to the one that the URL was built from.
 * MCP 2026-07-28, authorization: a server that does not say S256 is not used.
 */
export const parseServerMetadata = (value: unknown, issuer: string): ServerMetadata => {
  const parsed = ServerMetadata.safeParse(value)
  if (!parsed.success) {
    throw oauthRefused('invalid_request', 'server_metadata_refused', 'The metadata of the server is malformed.', {
      detail: parsed.error.message,
    })
  }
  if (parsed.data.issuer !== issuer) {
    throw oauthRefused('invalid_request', 'issuer_mismatch', 'The metadata names another issuer.')
  }
  for (const [name, endpoint] of Object.entries(parsed.data)) {
    if ((name.endsWith('_endpoint') || name === 'jwks_uri') && !isWebUrl(endpoint)) {
      throw oauthRefused('invalid_request', 'server_metadata_refused', `The ${name} is not an https URL.`)
    }
  }
  return parsed.data
}

const isWebUrl = (value: unknown): boolean => {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const url = new URL(value)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
}

export const requireS256 = (metadata: ServerMetadata): void => {
  if (metadata.code_challenge_methods_supported?.includes('S256') !== true) {
    throw oauthRefused('invalid_request', 'pkce_unsupported', 'The server does not offer PKCE with S256.')
  }
}

/** RFC 8414 section 3.1 and MCP: the places to ask, in order. */
export const metadataUrls = (issuer: string): readonly string[] => {
  const url = new URL(issuer)
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '')
  const inserted = [
    `${url.origin}/.well-known/oauth-authorization-server${path}`,
    `${url.origin}/.well-known/openid-configuration${path}`,
  ]
  return path === '' ? inserted : [...inserted, `${url.origin}${path}/.well-known/openid-configuration`]
}

export interface ServerMetadataFacts {
  readonly issuer: string
  readonly scopes: readonly string[]
  readonly grantTypes: readonly string[]
  readonly authorizationDetailsTypes: readonly string[]
  readonly registration: boolean
  /** OpenID discovery needs a few members more; they are harmless in the other document. */
  readonly idTokenAlgs?: readonly string[]
}

/** Every URL is built from the configured issuer. */
export const createServerMetadata = (facts: ServerMetadataFacts): ServerMetadata => ({
  issuer: facts.issuer,
  authorization_endpoint: `${facts.issuer}/authorize`,
  pushed_authorization_request_endpoint: `${facts.issuer}/par`,
  token_endpoint: `${facts.issuer}/token`,
  introspection_endpoint: `${facts.issuer}/introspect`,
  revocation_endpoint: `${facts.issuer}/revoke`,
  jwks_uri: `${facts.issuer}/jwks`,
  ...(facts.registration ? { registration_endpoint: `${facts.issuer}/register` } : {}),
  scopes_supported: [...facts.scopes],
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: [...facts.grantTypes],
  token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
  token_endpoint_auth_signing_alg_values_supported: ['ES256'],
  introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
  introspection_endpoint_auth_signing_alg_values_supported: ['ES256'],
  revocation_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
  revocation_endpoint_auth_signing_alg_values_supported: ['ES256'],
  code_challenge_methods_supported: ['S256'],
  dpop_signing_alg_values_supported: ['ES256'],
  authorization_details_types_supported: [...facts.authorizationDetailsTypes],
  authorization_response_iss_parameter_supported: true,
  client_id_metadata_document_supported: true,
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [...(facts.idTokenAlgs ?? ['ES256'])],
})
