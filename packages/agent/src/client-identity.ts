/**
 * Under which client id the agent is known at an issuer (MCP 2026-07-28, client registration): the registered one; the
 * metadata document where the server reads it; and, where the author allows it, dynamic registration (RFC 7591).
 *
 * INVARIANT: an id that one issuer gave is never shown to another.
 */
import { refused } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { parseStrict } from '@credence/kit/json'
import type { ServerMetadata } from '@credence/protocol/oauth'

export interface Registration {
  /** What people read on the consent page of such a server. */
  readonly name: string
}

export interface ClientIdentity {
  /** The id at this server; registers there first when that is the only way. */
  at(server: ServerMetadata): Promise<string>
  /** The id at this issuer, when there is one already. */
  known(issuer: string): string | undefined
}

export interface ClientIdentityOptions {
  readonly clientId: string
  /** Absent: the agent never registers itself. */
  readonly registration?: Registration
  readonly redirectUri: string
  readonly fetch: SafeFetch
  /** Where an id that is no document is registered. Empty: the first issuer that is asked, and no other after it. */
  readonly issuers?: readonly string[]
}

const refusedThere = (detail: string) =>
  refused('registration_refused', 'The authorization server did not register this agent.', { detail })

/**
 * RFC 7591 section 3.2.1. A public client: a secret that comes all the same is not kept, and a server that insists on
 * one is refused, since it would be a second, weaker proof of who this is.
 */
const clientIdOf = (status: number, bytes: Uint8Array): string => {
  const answer = parseStrict(bytes)
  if (status !== 201 && status !== 200) throw refusedThere(`status ${status}`)
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw refusedThere('not an object')
  const { client_id: clientId, token_endpoint_auth_method: method } = answer as Record<string, unknown>
  if (typeof clientId !== 'string' || clientId === '' || clientId.length > 2048) throw refusedThere('no client_id')
  if (method !== undefined && method !== 'none') throw refusedThere('a secret is wanted')
  return clientId
}

const register = async (
  server: ServerMetadata,
  { name }: Registration,
  { fetch, redirectUri }: ClientIdentityOptions,
): Promise<string> => {
  if (server.registration_endpoint === undefined) {
    throw refused(
      'client_unknown',
      `The authorization server ${server.issuer} knows this agent only if its operator registers it.`,
    )
  }
  const answer = await fetch(server.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    }),
  })
  return clientIdOf(answer.status, answer.bytes)
}

export const createClientIdentity = (options: ClientIdentityOptions): ClientIdentity => {
  const { clientId, registration } = options
  const registered = new Map<string, string>()
  const running = new Map<string, Promise<string>>()
  const isDocument = clientId.startsWith('https://')

  const registerOnce = (server: ServerMetadata, wanted: Registration): Promise<string> => {
    const already = running.get(server.issuer)
    if (already !== undefined) return already
    const started = register(server, wanted, options).finally(() => running.delete(server.issuer))
    running.set(server.issuer, started)
    return started
  }

  let home: string | undefined
  /** > MUST bind stored client credentials to the issuer and MUST NOT reuse them elsewhere. */
  const requireHome = ({ issuer }: ServerMetadata): void => {
    if (isDocument || options.issuers?.includes(issuer) === true) return
    home ??= issuer
    if (issuer !== home)
      throw refused('issuer_other', `This agent is registered at ${home}; it does not show its id to ${issuer}.`)
  }

  return {
    known: (issuer) => registered.get(issuer) ?? (registration === undefined || !isDocument ? clientId : undefined),
    at: async (server) => {
      requireHome(server)
      const before = registered.get(server.issuer)
      if (before !== undefined) return before
      const own = registration === undefined || !isDocument || server.client_id_metadata_document_supported === true
      const id = own ? clientId : await registerOnce(server, registration)
      registered.set(server.issuer, id)
      return id
    },
  }
}
