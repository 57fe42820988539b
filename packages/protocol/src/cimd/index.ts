/**
 * Client ID Metadata Document, draft-ietf-oauth-client-id-metadata-document-02: what may stand in the URL and in the
 * document. Fetching it is somebody else's work.
 */
import { z } from 'zod'
import { isJsonObject, parseJwkSet } from '../jose/index.ts'
import { oauthRefused } from '../oauth/errors.ts'
import { isLoopbackHost } from '../oauth/metadata.ts'

export const REVISION = 'draft-ietf-oauth-client-id-metadata-document-02'

/** > It is RECOMMENDED that servers limit the size of the document to 5 kB. */
export const MAXIMUM_BYTES = 5120

const refusedClient = (code: string, message: string, detail?: string) =>
  oauthRefused('invalid_client', code, message, { status: 400, ...(detail === undefined ? {} : { detail }) })

/**
 * Client Identifier section: https, a path, no fragment, no user information, no dot segments; a query is refused too.
 * The text must be what the URL parser would write: one spelling for one client.
 */
export const isClientIdUrl = (text: string): boolean => {
  if (text.length > 2048 || !text.startsWith('https://') || !URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || /[?#\\]/.test(text)) return false
  if (url.pathname === '/' || /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(text.slice('https://'.length))) return false
  return url.href === text
}

const RedirectUri = z.string().min(1).max(2048)

const Document = z.looseObject({
  client_id: z.string(),
  client_name: z.string().min(1).max(200).optional(),
  client_uri: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional(),
  redirect_uris: z.array(RedirectUri).min(1).max(32),
  grant_types: z.array(z.string().max(128)).max(16).optional(),
  response_types: z.array(z.string().max(64)).max(8).optional(),
  scope: z.string().max(4096).optional(),
  token_endpoint_auth_method: z.string().max(64).optional(),
  jwks: z.unknown().optional(),
  jwks_uri: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
})
export type ClientMetadataDocument = z.infer<typeof Document>

/** > The document MUST NOT use shared secrets: there is no way to establish one. */
const SECRET_METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt']
const METHODS = ['none', 'private_key_jwt']

const noSharedSecret = (document: object): void => {
  for (const member of ['client_secret', 'client_secret_expires_at']) {
    if (Object.hasOwn(document, member)) {
      throw refusedClient('cimd_secret', 'A client metadata document must not carry a secret.')
    }
  }
}

/** Redirects go to https, to a loopback address, or to a private scheme with a dot (RFC 8252 section 7.1). */
export const isRedirectUri = (text: string): boolean => {
  if (text.includes('#') || !URL.canParse(text) || /[\s\\*]/.test(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  if (url.protocol === 'https:') return true
  if (url.protocol === 'http:') return isLoopbackHost(url.hostname)
  return /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(url.protocol)
}

/** `clientId`: the URL from which the document came, compared byte for byte. */
export const parseClientMetadata = (value: unknown, clientId: string): ClientMetadataDocument => {
  if (!isClientIdUrl(clientId)) throw refusedClient('cimd_url_refused', 'The client_id is not a usable URL.')
  if (!isJsonObject(value)) throw refusedClient('cimd_malformed', 'The client metadata document is not an object.')
  noSharedSecret(value)
  const parsed = Document.safeParse(value)
  if (!parsed.success) {
    throw refusedClient('cimd_malformed', 'The client metadata document is malformed.', parsed.error.message)
  }
  const document = parsed.data
  if (document.client_id !== clientId) {
    throw refusedClient('cimd_id_mismatch', 'The client metadata document names another client_id.')
  }
  const method = document.token_endpoint_auth_method ?? 'none'
  if (SECRET_METHODS.includes(method) || !METHODS.includes(method)) {
    throw refusedClient('cimd_auth_method', 'This way of client authentication is not accepted.')
  }
  if (!document.redirect_uris.every(isRedirectUri)) {
    throw refusedClient('cimd_redirect_uri', 'A redirect URI of the document is not acceptable.')
  }
  if (document.jwks !== undefined) parseJwkSet(document.jwks)
  return document
}

/** For the warning on the consent page: everything of this client stays on the person's own machine. */
export const isLoopbackOnly = (document: Pick<ClientMetadataDocument, 'redirect_uris'>): boolean =>
  document.redirect_uris.every((uri) => URL.canParse(uri) && isLoopbackHost(new URL(uri).hostname))

/** RFC 9700 section 2.1 and RFC 8252 section 7.3: exact, except the port of a loopback address given as a number. */
export const redirectUriMatches = (registered: string, requested: string): boolean => {
  if (registered === requested) return true
  if (!URL.canParse(registered) || !URL.canParse(requested)) return false
  const [ours, theirs] = [new URL(registered), new URL(requested)]
  const literal = ours.hostname === '127.0.0.1' || ours.hostname === '[::1]'
  if (!literal || ours.protocol !== 'http:' || theirs.href !== requested) return false
  theirs.port = ours.port
  return theirs.href === ours.href && ours.href === registered
}
