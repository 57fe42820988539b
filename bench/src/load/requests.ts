/** Requests as bytes, signed before the clock runs: no signature of the client is made while a server is measured. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { createProof } from '@credence/protocol/dpop'
import { type JwsSigner, publicJwkOf, signerOf, thumbprint } from '@credence/protocol/jose'
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '@credence/protocol/oauth'

export interface Client {
  readonly clientId: string
  /** Private key as a JWK. */
  readonly jwk: Record<string, unknown>
}

/** What all requests of one run have in common. */
export type Plan =
  | {
      readonly kind: 'token'
      readonly issuer: string
      readonly client: Client
      readonly resource: string
      readonly form?: Readonly<Record<string, string>>
      /** The server demands a nonce of its own in every proof. */
      readonly nonces: boolean
    }
  | {
      readonly kind: 'call'
      readonly url: string
      readonly client: Client
      readonly accessToken: string
      readonly headers: Readonly<Record<string, string>>
      readonly bytes: number
    }
  | {
      readonly kind: 'plain'
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly bytes: number
    }
  | {
      /** Questions to a decision point, in turn. */
      readonly kind: 'ask'
      readonly url: string
      readonly bodies: readonly string[]
      /** Absent: nobody is authenticated. */
      readonly as?: { readonly client: Client; readonly accessToken: string }
    }

const post = (url: URL, headers: Readonly<Record<string, string>>, body: string): Buffer => {
  const fields = Object.entries({ host: url.host, ...headers, 'content-length': String(Buffer.byteLength(body)) })
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${head}\r\n${body}`)
}

const keyOf = ({ jwk }: Client): KeyObject => createPrivateKey({ key: jwk, format: 'jwk' })
const seconds = (): number => Math.floor(Date.now() / 1000)
const jti = (): string => newId('jti', nodeRandom)

const assertion = async (signer: JwsSigner, clientId: string, issuer: string): Promise<string> =>
  createClientAssertion({
    signer,
    kid: thumbprint(signer.publicJwk),
    clientId,
    issuer,
    jti: jti(),
    iat: seconds(),
  })

type TokenPlan = Extract<Plan, { readonly kind: 'token' }>

const tokenRequest = async (plan: TokenPlan, signer: JwsSigner, nonce: string | undefined): Promise<Buffer> => {
  const url = `${plan.issuer}/token`
  const proof = await createProof({
    signer,
    method: 'POST',
    url,
    jti: jti(),
    iat: seconds(),
    ...(nonce === undefined ? {} : { nonce }),
  })
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: CLIENT_ASSERTION_TYPE,
    client_assertion: await assertion(signer, plan.client.clientId, plan.issuer),
    resource: plan.resource,
    ...plan.form,
  })
  return post(new URL(url), { 'content-type': 'application/x-www-form-urlencoded', dpop: proof }, form.toString())
}

const send = async (bytes: Buffer, url: string): Promise<Response> => {
  const [head = '', body = ''] = bytes.toString().split('\r\n\r\n')
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
    .filter(([name]) => name !== 'host' && name !== 'content-length')
  return fetch(url, { method: 'POST', headers, body })
}

const nonceOf = async (plan: TokenPlan, signer: JwsSigner): Promise<string | undefined> => {
  if (!plan.nonces) return undefined
  const response = await send(await tokenRequest(plan, signer, undefined), `${plan.issuer}/token`)
  return response.headers.get('dpop-nonce') ?? undefined
}

/** One token, the way an agent gets it. */
export const accessToken = async (plan: TokenPlan): Promise<string> => {
  const signer = signerOf(keyOf(plan.client))
  const request = await tokenRequest(plan, signer, await nonceOf(plan, signer))
  const answer = (await (await send(request, `${plan.issuer}/token`)).json()) as { readonly access_token?: string }
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}

/** A tools/call of exactly so many bytes; ids differ, since some gateways share one session among all connections. */
const toolCall = (id: number, bytes: number, modern: boolean): string => {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const message = (text: string): string =>
    JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text }, ...(modern ? { _meta: meta } : {}) },
    })
  return message('x'.repeat(Math.max(0, bytes - message('').length)))
}

type CallPlan = Extract<Plan, { readonly kind: 'call' | 'plain' }>

const callRequest = async (plan: CallPlan, signer: JwsSigner | undefined, id: number): Promise<Buffer> => {
  const url = new URL(plan.url)
  const body = toolCall(id, plan.bytes, plan.headers['mcp-protocol-version'] === '2026-07-28')
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...plan.headers,
  }
  if (signer === undefined || plan.kind === 'plain') return post(url, headers, body)
  const proof = await createProof({
    signer,
    method: 'POST',
    url: plan.url,
    jti: jti(),
    iat: seconds(),
    accessToken: plan.accessToken,
  })
  return post(url, { ...headers, authorization: `DPoP ${plan.accessToken}`, dpop: proof }, body)
}

type AskPlan = Extract<Plan, { readonly kind: 'ask' }>

const askRequest = async ({ url, bodies, as }: AskPlan, signer: JwsSigner | undefined, n: number): Promise<Buffer> => {
  const headers = { 'content-type': 'application/json' }
  const body = bodies[n % bodies.length] as string
  if (as === undefined || signer === undefined) return post(new URL(url), headers, body)
  const { accessToken } = as
  const proof = await createProof({ signer, method: 'POST', url, jti: jti(), iat: seconds(), accessToken })
  return post(new URL(url), { ...headers, authorization: `DPoP ${accessToken}`, dpop: proof }, body)
}

const makeAsks = async (plan: AskPlan, count: number): Promise<Buffer[]> => {
  const signer = plan.as === undefined ? undefined : signerOf(keyOf(plan.as.client))
  const requests: Buffer[] = []
  while (requests.length < count) requests.push(await askRequest(plan, signer, requests.length))
  return requests
}

let lastId = 0

export const makeRequests = async (plan: Plan, count: number): Promise<Buffer[]> => {
  if (plan.kind === 'ask') return makeAsks(plan, count)
  const requests: Buffer[] = []
  const signer = plan.kind === 'plain' ? undefined : signerOf(keyOf(plan.client))
  const nonce = plan.kind === 'token' && signer !== undefined ? await nonceOf(plan, signer) : undefined
  while (requests.length < count) {
    lastId += 1
    requests.push(
      plan.kind === 'token' && signer !== undefined
        ? await tokenRequest(plan, signer, nonce)
        : await callRequest(plan as CallPlan, signer, lastId),
    )
  }
  return requests
}

export const publicJwk = (client: Client): object => publicJwkOf(keyOf(client))
