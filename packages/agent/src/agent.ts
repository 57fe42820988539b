/** An agent as its author uses it: who it is, whom it asks, and a `fetch` or an MCP client that simply works. */
import { type Clock, type Random, refused } from '@credence/kit'
import { createSafeFetch, type SafeFetch } from '@credence/kit/fetch'
import { nodeFetch } from '@credence/kit/node'
import { type JwsSigner, thumbprint } from '@credence/protocol/jose'
import { isLoopbackHost } from '@credence/protocol/oauth'
import type { Client, ClientOptions } from '@modelcontextprotocol/client'
import { type AuthorityWanted, type AuthorizationDeps, authorize, type PersonAsked } from './authorization.ts'
import { type AuthorizedFetch, createAuthorizedFetch } from './authorized-fetch.ts'
import { type ClientIdentity, createClientIdentity, type Registration } from './client-identity.ts'
import { type Discovered, discover, discoverServer, isBeneath } from './discovery.ts'
import { createNonces } from './nonces.ts'
import { createRedirectReceiver, redirectUriOf } from './redirect-receiver.ts'
import { createTokenClient, type TokenClient } from './token-client.ts'
import { createMemoryTokenStore, type HeldToken, type TokenStore } from './token-store.ts'
import { createTokens, scoped } from './tokens.ts'

export interface AgentOptions {
  /** `agt_…` of a registered agent, or the https URL of a client id metadata document. */
  readonly clientId: string
  /**
   * Registers the agent (RFC 7591) at servers that read no client id metadata document. Only for agents whose id is such
   * a document; the ids last as long as this object. Default: never.
   */
  readonly registration?: Registration
  /** Signs assertions and proofs. The key may live in another process. */
  readonly signer: JwsSigner
  readonly kid?: string
  readonly clock: Clock
  readonly random: Random
  /** Default `private_key_jwt`; `none` for public clients. */
  readonly authentication?: 'private_key_jwt' | 'none'
  /** The only issuers that may be used. Default: whichever the server names. */
  readonly issuers?: readonly string[]
  /** Shows the consent link to the person. Absent: the agent acts for itself. */
  readonly ask?: (asked: PersonAsked) => void | Promise<void>
  /** Milliseconds a person may take. Default five minutes. */
  readonly patienceMs?: number
  /** Port of the loopback listener; 0 takes any. */
  readonly redirectPort?: number
  readonly store?: TokenStore
  /** Hosts (with port) of this machine or network that servers and issuers may have, although they are private. */
  readonly allowPrivate?: readonly string[]
  readonly fetch?: SafeFetch
  /** Carries requests to the servers that the author names. Default: the runtime's own. */
  readonly send?: typeof globalThis.fetch
}

export interface Agent {
  readonly clientId: string
  /** RFC 7638 thumbprint of the agent's key. */
  readonly jkt: string
  /** A `fetch` for one MCP server. It holds the token; what calls it never sees it. */
  fetchFor(serverUrl: string, wanted?: AuthorityWanted): AuthorizedFetch
  /** A connected MCP client, in the newest revision that the server speaks. */
  connect(serverUrl: string, wanted?: AuthorityWanted, options?: ClientOptions): Promise<Client>
  /** A token for an API of an authorization server, by client credentials. */
  tokenFor(issuer: string, resource: string, scope?: string): Promise<HeldToken>
  /** A `fetch` for an API of an authorization server, with tokens by client credentials. */
  apiFetch(issuer: string, resource: string, scope?: string): AuthorizedFetch
  close(): Promise<void>
}

const PATIENCE_MS = 5 * 60_000
/** What the first question to a server may take besides. */
const PROBE_MS = 30_000

const patienceOf = ({ ask, patienceMs }: AgentOptions): number => (ask === undefined ? 0 : (patienceMs ?? PATIENCE_MS))
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** > All endpoints HTTPS: a token never crosses a network in the clear; loopback and what the author allows is no network. */
const requireSafeServer = (serverUrl: string, allowPrivate: readonly string[]): void => {
  const url = new URL(serverUrl)
  const local = isLoopbackHost(url.hostname) || allowPrivate.includes(url.host) || allowPrivate.includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local))
    throw refused('server_not_https', 'The address of the server must be an https URL.')
}

/** The code flow, one person at a time: two questions at once cannot be told apart, nor share a fixed port. */
const createAsking = (
  options: AgentOptions,
  parts: Omit<AuthorizationDeps, 'clientId' | 'receiver' | 'signal'> & { readonly identity: ClientIdentity },
  closed: AbortSignal,
) => {
  const once = async (wanted: AuthorityWanted, discovered: Discovered) => {
    const receiver = await createRedirectReceiver(options.redirectPort ?? 0)
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(options.patienceMs ?? PATIENCE_MS), closed])
      const clientId = await parts.identity.at(discovered.server)
      return await authorize(wanted, discovered, { ...parts, clientId, receiver, signal })
    } finally {
      receiver.close()
    }
  }
  let last: Promise<unknown> = Promise.resolve()
  return (wanted: AuthorityWanted, discovered: Discovered) => {
    const run = () => once(wanted, discovered)
    const mine = last.then(run, run)
    last = mine
    return mine
  }
}

const createParts = (options: AgentOptions) => {
  const { clientId, signer, clock, random, ask } = options
  const jkt = thumbprint(signer.publicJwk)
  const closed = new AbortController()
  const ownFetch =
    options.fetch === undefined ? createSafeFetch({ clock, allowPrivate: options.allowPrivate ?? [] }) : undefined
  const fetch = options.fetch ?? (ownFetch as SafeFetch)
  const identity = createClientIdentity({
    clientId,
    redirectUri: redirectUriOf(options.redirectPort ?? 0),
    fetch,
    issuers: options.issuers ?? [],
    ...(options.registration === undefined ? {} : { registration: options.registration }),
  })
  const client: TokenClient = createTokenClient({
    fetch,
    clock,
    random,
    nonces: createNonces(),
    signer,
    identity,
    authentication: options.authentication ?? 'private_key_jwt',
    sleep,
    ...(options.kid === undefined ? {} : { kid: options.kid }),
  })
  const common = { store: options.store ?? createMemoryTokenStore(), clock, client, identity, jkt, alg: signer.alg }
  const alone = createTokens(common)
  const authorizing =
    ask === undefined ? undefined : createAsking(options, { client, jkt, random, ask, identity }, closed.signal)
  const tokens = authorizing === undefined ? alone : createTokens({ ...common, authorize: authorizing })
  const close = async (): Promise<void> => {
    closed.abort()
    await ownFetch?.close()
  }
  return { jkt, fetch, tokens, alone, close }
}

export const createAgent = (options: AgentOptions): Agent => {
  const { clientId, signer, clock, random } = options
  const { jkt, fetch, tokens, alone, close } = createParts(options)
  const common = { nonces: createNonces(), signer, clock, random, sleep, send: options.send ?? nodeFetch }

  const fetchFor = (serverUrl: string, wanted: AuthorityWanted = {}): AuthorizedFetch => {
    requireSafeServer(serverUrl, options.allowPrivate ?? [])
    return createAuthorizedFetch({
      ...common,
      serverUrl,
      wanted,
      tokens,
      discover: (hinted) => discover(fetch, serverUrl, hinted, options.issuers ?? []),
    })
  }

  const apiAt = async (issuer: string, resource: string): Promise<Discovered> => ({
    resource,
    metadata: { resource },
    server: await discoverServer(fetch, issuer),
  })

  return {
    clientId,
    jkt,
    fetchFor,
    connect: async (serverUrl, wanted, clientOptions) => {
      const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
      const mcp = new Client(
        { name: 'credence-agent', version: '0.1.0' },
        // The first request waits for the person, so it may take as long as a person may.
        {
          versionNegotiation: { mode: 'auto', probe: { timeoutMs: patienceOf(options) + PROBE_MS } },
          ...clientOptions,
        },
      )
      const transport = new StreamableHTTPClientTransport(new URL(serverUrl), { fetch: fetchFor(serverUrl, wanted) })
      await mcp.connect(transport)
      return mcp
    },
    tokenFor: async (issuer, resource, scope) =>
      await alone.obtain({ discovered: await apiAt(issuer, resource), wanted: scoped(scope) }),
    apiFetch: (issuer, resource, scope) => {
      requireSafeServer(resource, options.allowPrivate ?? [])
      return createAuthorizedFetch({
        ...common,
        // All of the server's own interfaces have one audience, and not all of them one path.
        serverUrl: isBeneath(new URL(issuer), new URL(resource)) ? issuer : resource,
        wanted: scoped(scope),
        tokens: alone,
        eager: true,
        discover: () => apiAt(issuer, resource),
      })
    },
    close,
  }
}
