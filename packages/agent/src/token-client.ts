/** Asks the token endpoint: authenticates the agent, proves its key, answers a nonce once, waits while it is busy. */
import { type Clock, newId, type Random, refused, toBase64url, unavailable } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { parseStrict } from '@credence/kit/json'
import { createProof } from '@credence/protocol/dpop'
import type { JwsSigner } from '@credence/protocol/jose'
import { CLIENT_ASSERTION_TYPE, createClientAssertion, TokenResponse } from '@credence/protocol/oauth'
import type { ClientIdentity } from './client-identity.ts'
import type { Nonces } from './nonces.ts'
import { MAX_WAITS, patienceFor } from './patience.ts'
import { serverWords } from './server-words.ts'

export interface TokenClientOptions {
  readonly fetch: SafeFetch
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly nonces: Nonces
  readonly signer: JwsSigner
  readonly identity: Pick<ClientIdentity, 'known'>
  /** `none`: a public client, known by its metadata document and its proven key. */
  readonly authentication: 'private_key_jwt' | 'none'
  readonly kid?: string
  readonly sleep: (ms: number) => Promise<void>
}

export interface EndpointAnswer {
  readonly status: number
  readonly body: { readonly [member: string]: unknown }
}

export interface TokenClient {
  /** POSTs a form to an endpoint of the issuer. Retries once with the nonce that the server demands, and while it is busy. */
  post(issuer: string, endpoint: string, form: Readonly<Record<string, string>>): Promise<EndpointAnswer>
  token(issuer: string, endpoint: string, form: Readonly<Record<string, string>>): Promise<TokenResponse>
}

/** RFC 6749 section 5.2, shown to the author of the agent: what the server said, and its code. */
const refusedByServer = ({ status, body }: EndpointAnswer, form: Readonly<Record<string, string>>) => {
  const secrets = [form.refresh_token, form.code, form.code_verifier]
  const code = serverWords(body.error, secrets) || `http_${status}`
  const text = serverWords(body.error_description, secrets) || 'The authorization server refused.'
  return refused('token_refused', `${code}: ${text}`, { status: 401, standard: code })
}

interface Answered extends EndpointAnswer {
  /** It brought a nonce that we did not know. */
  readonly fresh: boolean
  /** Milliseconds after which it wants to be asked again. */
  readonly wait: number | undefined
}

type Form = Readonly<Record<string, string>>

const authentication = async (options: TokenClientOptions, issuer: string): Promise<Record<string, string>> => {
  const clientId = options.identity.known(issuer)
  if (clientId === undefined) throw new TypeError('asked at an issuer where this agent has no id')
  if (options.authentication === 'none') return { client_id: clientId }
  const assertion = await createClientAssertion({
    signer: options.signer,
    clientId,
    issuer,
    jti: newId('jti', options.random),
    iat: Math.floor(options.clock.now() / 1000),
    ...(options.kid === undefined ? {} : { kid: options.kid }),
  })
  return { client_id: clientId, client_assertion_type: CLIENT_ASSERTION_TYPE, client_assertion: assertion }
}

const proofAt = ({ signer, random, clock, nonces }: TokenClientOptions, endpoint: string): Promise<string> => {
  const nonce = nonces.get(endpoint)
  return createProof({
    signer,
    method: 'POST',
    url: endpoint,
    jti: toBase64url(random.bytes(16)),
    iat: Math.floor(clock.now() / 1000),
    ...(nonce === undefined ? {} : { nonce }),
  })
}

export const createTokenClient = (options: TokenClientOptions): TokenClient => {
  const once = async (issuer: string, endpoint: string, form: Form): Promise<Answered> => {
    const dpop = await proofAt(options, endpoint)
    const answer = await options.fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', dpop },
      body: new URLSearchParams({ ...form, ...(await authentication(options, issuer)) }).toString(),
      timeoutMs: 15_000,
    })
    const fresh = options.nonces.learn(endpoint, answer.headers['dpop-nonce'])
    const wait = patienceFor(answer.status, answer.headers['retry-after'])
    return { status: answer.status, body: parseBody(answer.bytes), fresh, wait }
  }

  const post = async (issuer: string, endpoint: string, form: Form): Promise<EndpointAnswer> => {
    let answer = await once(issuer, endpoint, form)
    if ((answer.status === 400 || answer.status === 401) && answer.body.error === 'use_dpop_nonce' && answer.fresh)
      answer = await once(issuer, endpoint, form)
    for (let waits = 0; answer.wait !== undefined && waits < MAX_WAITS; waits += 1) {
      await options.sleep(answer.wait)
      answer = await once(issuer, endpoint, form)
    }
    return answer
  }

  const token = async (issuer: string, endpoint: string, form: Form): Promise<TokenResponse> => {
    const answer = await post(issuer, endpoint, form)
    if (answer.status >= 500)
      throw unavailable('token_endpoint_unavailable', 'The authorization server is not available.')
    if (answer.status !== 200) throw refusedByServer(answer, form)
    const parsed = TokenResponse.safeParse(answer.body)
    if (!parsed.success)
      throw unavailable('token_answer_malformed', 'The authorization server sent no valid token answer.')
    return parsed.data
  }

  return { post, token }
}

const parseBody = (bytes: Uint8Array): EndpointAnswer['body'] => {
  try {
    const value = parseStrict(bytes)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as EndpointAnswer['body']) : {}
  } catch {
    return {}
  }
}
