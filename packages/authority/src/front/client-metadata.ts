/** A client as the library wants to see it. Only what the path up to the code needs. */
import type { AdapterPayload } from 'oidc-provider'
import type { ClientView } from '../ports.ts'

const isLoopback = (uri: string): boolean => {
  const url = URL.parse(uri)
  return url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
}

/** RFC 8252 section 7.3 lets a native application choose its port at run time, for loopback addresses. */
const applicationType = (client: ClientView): 'native' | 'web' =>
  client.redirectUris.every((uri) => uri.startsWith('https:')) ? 'web' : 'native'

/**
 * Undefined when the client may not start an authorization: suspended, retired, or without a redirect URI.
 * A registered agent must push its requests (RFC 9126); a client known by its metadata document may.
 */
export const libraryClient = (client: ClientView): AdapterPayload | undefined => {
  if (client.status !== 'active' || client.redirectUris.length === 0) return undefined
  const signs = client.authMethod === 'private_key_jwt'
  return {
    client_id: client.clientId,
    client_name: client.name,
    application_type: applicationType(client),
    redirect_uris: [...client.redirectUris],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: client.authMethod,
    ...(signs
      ? { token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: client.keys.map((key) => ({ ...key })) } }
      : {}),
    require_pushed_authorization_requests: client.kind === 'agent',
    authorization_details_types: ['mcp_tools'],
  } as AdapterPayload
}

/** Every redirect goes to the person's own machine: any program there could be listening (MCP: warn). */
export const isLoopbackOnly = (redirectUris: readonly string[]): boolean => redirectUris.every(isLoopback)
