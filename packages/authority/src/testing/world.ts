/** A real authority over real storage on a free port, and a client that does what an agent does. For tests and benches. */
import { createHash, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@credence/kit'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { type Logger, silentLogger } from '@credence/kit/telemetry'
import { accessTokenHash, createProof } from '@credence/protocol/dpop'
import { publicJwkOf, signerOf, thumbprint } from '@credence/protocol/jose'
import { CLIENT_ASSERTION_TYPE, createClientAssertion } from '@credence/protocol/oauth'
import type { AuthorityDeps } from '../base.ts'
import type { AuthorityConfig } from '../config.ts'
import { operatorKey, readOperator } from '../domain/first-start.ts'
import { type Authority, startAuthority } from '../server.ts'

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

export interface World {
  readonly authority: Authority
  readonly config: AuthorityConfig
  readonly operator: TestAgent
  /** Starts again on the same data. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface TestAgent {
  readonly clientId: string
  readonly key: KeyObject
  readonly jkt: string
}

export interface WorldOptions {
  readonly config?: Partial<AuthorityConfig>
  readonly deps?: Partial<AuthorityDeps>
  readonly log?: Logger
}

export const openWorld = async (options: WorldOptions = {}): Promise<World> => {
  const dataDir = options.config?.dataDir ?? mkdtempSync(join(tmpdir(), 'credence-authority-'))
  const port = await freePort()
  const config: AuthorityConfig = {
    issuer: `http://127.0.0.1:${port}`,
    listen: { host: '127.0.0.1', port },
    dataDir,
    trustDomain: 'example.test',
    database: { engine: 'sqlite' },
    gatewayUrl: 'http://127.0.0.1:7421',
    clockSkewSeconds: 5,
    cimd: { enabled: true, privateHosts: [] },
    dynamicRegistration: false,
    upstreams: [],
    dpopNonce: 'required',
    trustedProxies: [],
    ...options.config,
  }
  const fetch = createSafeFetch({ clock: nodeClock })
  const deps: AuthorityDeps = {
    clock: nodeClock,
    random: nodeRandom,
    keys: nodeKeys,
    log: options.log ?? silentLogger,
    fetch,
    ...options.deps,
  }
  let authority = await startAuthority(config, deps)
  const file = readOperator(dataDir)
  if (file === undefined) throw new Error('no operator file')
  const key = operatorKey(file)
  return {
    get authority() {
      return authority
    },
    config,
    operator: { clientId: file.clientId, key, jkt: thumbprint(publicJwkOf(key)) },
    restart: async () => {
      await authority.close()
      authority = await startAuthority(config, deps)
    },
    close: async () => {
      await authority.close()
      await fetch.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

export const newJti = (): string => newId('jti', nodeRandom)
const seconds = (): number => Math.floor(Date.now() / 1000)

/** Overrides for requests that are wrong on purpose. */
export interface Forged {
  readonly assertion?: string
  readonly proof?: string | null
  readonly form?: Readonly<Record<string, string>>
  readonly nonce?: string
  /** Another node of the same domain: where the request goes, while the proof names the issuer. */
  readonly at?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

let lastNonce: string | undefined

export const assertionOf = (issuer: string, agent: TestAgent, jti = newJti()): Promise<string> =>
  createClientAssertion({
    signer: signerOf(agent.key),
    kid: agent.jkt,
    clientId: agent.clientId,
    issuer,
    jti,
    iat: seconds(),
  })

export const proofOf = (
  key: KeyObject,
  method: string,
  url: string,
  more: { readonly accessToken?: string; readonly nonce?: string; readonly jti?: string } = {},
): Promise<string> => createProof({ signer: signerOf(key), method, url, iat: seconds(), jti: newJti(), ...more })

export const postForm = async (
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** One request to the token endpoint, without any retry. */
export const askToken = async (issuer: string, agent: TestAgent, forged: Forged = {}): Promise<Answer> => {
  const nonce = forged.nonce ?? lastNonce
  const proof =
    forged.proof === undefined
      ? await proofOf(agent.key, 'POST', `${issuer}/token`, nonce === undefined ? {} : { nonce })
      : forged.proof
  const answer = await postForm(
    `${forged.at ?? issuer}/token`,
    {
      grant_type: 'client_credentials',
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: forged.assertion ?? (await assertionOf(issuer, agent)),
      ...forged.form,
    },
    proof === null ? {} : { DPoP: proof },
  )
  lastNonce = answer.headers.get('dpop-nonce') ?? lastNonce
  return answer
}

/** With the one retry that the server's nonce asks for. */
export const getToken = async (issuer: string, agent: TestAgent, forged: Forged = {}): Promise<Answer> => {
  const first = await askToken(issuer, agent, forged)
  return first.body.error === 'use_dpop_nonce' ? askToken(issuer, agent, forged) : first
}

export const freshNonce = async (issuer: string, agent: TestAgent): Promise<string> => {
  const answer = await askToken(issuer, agent, { form: { resource: `${issuer}/v1` } })
  return answer.headers.get('dpop-nonce') ?? ''
}

export const callApi = async (
  issuer: string,
  agent: TestAgent,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> => {
  const url = `${issuer}${path}`
  const proof = await proofOf(agent.key, method, url.split('?')[0] ?? url, { accessToken: token })
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `DPoP ${token}`,
      DPoP: proof,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json') === true
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : { message: text } }
}

/** The operator's own interface: a token once, then calls. */
export const asOperator = async (world: World) => {
  const { issuer } = world.config
  const answer = await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
  if (answer.status !== 200) throw new Error(`no operator token: ${JSON.stringify(answer.body)}`)
  const token = String(answer.body.access_token)
  return {
    token,
    call: (method: string, path: string, body?: unknown) => callApi(issuer, world.operator, token, method, path, body),
  }
}

export const newAgentKey = (): { key: KeyObject; jwk: Record<string, unknown>; jkt: string } => {
  const { privateKey, publicKey } = nodeKeys.es256()
  const jwk = publicJwkOf(publicKey)
  return { key: privateKey, jwk, jkt: thumbprint(jwk) }
}

export const s256 = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')
export { accessTokenHash }
