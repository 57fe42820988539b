/**
 * Asks a person: pushed authorization request where the server takes one (RFC 9126), PKCE (RFC 7636), `iss` (RFC 9207),
 * and a redirect to a loopback listener of this one authorization (RFC 8252).
 */
import { type Random, refused, toBase64url } from '@credence/kit'
import { codeChallenge, requireS256, type TokenResponse } from '@credence/protocol/oauth'
import type { Discovered } from './discovery.ts'
import type { RedirectReceiver } from './redirect-receiver.ts'
import { serverWords } from './server-words.ts'
import type { TokenClient } from './token-client.ts'

export interface AuthorityWanted {
  readonly scope?: string
  /** RFC 9396, for servers that know the type. */
  readonly authorizationDetails?: readonly object[]
}

export interface PersonAsked {
  /** To be opened by the person, in the person's own browser. */
  readonly url: string
  readonly resource: string
  readonly issuer: string
}

export interface AuthorizationDeps {
  readonly client: TokenClient
  readonly clientId: string
  readonly jkt: string
  readonly random: Random
  readonly receiver: RedirectReceiver
  /** Shows the link to the person, or opens it. What it returns is not waited for; its failure ends the request. */
  readonly ask: (asked: PersonAsked) => void | Promise<void>
  readonly signal: AbortSignal
}

const random256 = (random: Random): string => toBase64url(random.bytes(32))

/** The authorization request's parameters, the same whether pushed or in the URL. */
const requestParameters = (
  wanted: AuthorityWanted,
  { resource }: Discovered,
  deps: AuthorizationDeps,
  state: string,
  verifier: string,
): Record<string, string> => ({
  response_type: 'code',
  client_id: deps.clientId,
  redirect_uri: deps.receiver.redirectUri,
  state,
  code_challenge: codeChallenge(verifier),
  code_challenge_method: 'S256',
  resource,
  dpop_jkt: deps.jkt,
  ...(wanted.scope === undefined || wanted.scope === '' ? {} : { scope: wanted.scope }),
  ...(wanted.authorizationDetails === undefined
    ? {}
    : { authorization_details: JSON.stringify(wanted.authorizationDetails) }),
})

const authorizationUrl = async (
  parameters: Record<string, string>,
  { server }: Discovered,
  deps: AuthorizationDeps,
): Promise<string> => {
  if (server.authorization_endpoint === undefined)
    throw refused('server_metadata_refused', 'The authorization server has no authorization endpoint.')
  const url = new URL(server.authorization_endpoint)
  const endpoint = server.pushed_authorization_request_endpoint
  if (endpoint === undefined) {
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    return url.href
  }
  const pushed = await deps.client.post(server.issuer, endpoint, parameters)
  if (pushed.status !== 201 || typeof pushed.body.request_uri !== 'string') {
    throw refused(
      'authorization_refused',
      `${serverWords(pushed.body.error) || `http_${pushed.status}`}: ${serverWords(pushed.body.error_description) || 'the request was not accepted'}`,
    )
  }
  url.searchParams.set('client_id', deps.clientId)
  url.searchParams.set('request_uri', pushed.body.request_uri)
  return url.href
}

/**
 * RFC 9207 section 2.4: compared byte for byte, asked for when advertised; and checked before anything else of the
 * answer is acted upon, its error included.
 */
export const checkIssuer = (answer: URLSearchParams, server: Discovered['server']): void => {
  const named = answer.getAll('iss')
  const required = server.authorization_response_iss_parameter_supported === true
  if (named.length > 1 || (named.length === 1 && named[0] !== server.issuer) || (named.length === 0 && required)) {
    throw refused('issuer_mismatch', 'The answer does not come from the authorization server that was asked.')
  }
}

/** The code of the answer; a refusal by the person is a refusal. */
const codeOf = (answer: URLSearchParams): string => {
  const error = answer.get('error')
  if (error !== null)
    throw refused(
      'authorization_refused',
      `${serverWords(error)}: ${serverWords(answer.get('error_description')) || 'not allowed'}`,
      { standard: serverWords(error) },
    )
  const codes = answer.getAll('code')
  if (codes.length !== 1 || codes[0] === undefined) throw refused('authorization_refused', 'The answer holds no code.')
  return codes[0]
}

export const authorize = async (
  wanted: AuthorityWanted,
  discovered: Discovered,
  deps: AuthorizationDeps,
): Promise<TokenResponse> => {
  const { server, resource } = discovered
  requireS256(server)
  const state = random256(deps.random)
  const verifier = random256(deps.random)
  const url = await authorizationUrl(requestParameters(wanted, discovered, deps, state, verifier), discovered, deps)
  const received = deps.receiver.receive(state, deps.signal)
  const asked = Promise.resolve(deps.ask({ url, resource, issuer: server.issuer }))
  const answer = await Promise.race([received, asked.then(() => received)])
  checkIssuer(answer, server)
  return await deps.client.token(server.issuer, server.token_endpoint, {
    grant_type: 'authorization_code',
    code: codeOf(answer),
    redirect_uri: deps.receiver.redirectUri,
    code_verifier: verifier,
    resource,
  })
}
