/** A whole domain on loopback for the suites: authority and gateway in one process, their people and agents. */
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, createAgent } from '@credence/agent'
import {
  type Authority,
  type AuthorityConfig,
  adminResource,
  operatorKey,
  type Registry,
  readOperator,
  type Server,
  startAuthority,
} from '@credence/authority'
import { createPageBrowser, createSoftwareAuthenticator, type PageBrowser } from '@credence/authority/testing'
import { createGateway, createHttpUpstream, type ServerEntry } from '@credence/gateway'
import { createSafeFetch } from '@credence/kit/fetch'
import { createHttpServer } from '@credence/kit/http'
import { nodeClock, nodeFetch, nodeKeys, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import { type JwsSigner, publicJwkOf, signerOf } from '@credence/protocol/jose'
import { Pool } from 'undici'

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

export interface RegisteredAgent {
  readonly clientId: string
  readonly signer: JwsSigner
  readonly privateKey: KeyObject
}

export interface ApiAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
}

export interface World {
  readonly issuer: string
  readonly gateway: string
  readonly authority: Authority
  /** The operator at the domain's own interface. */
  readonly api: (method: string, path: string, body?: unknown) => Promise<ApiAnswer>
  addAgent(name: string, redirectUris?: readonly string[], role?: 'agent' | 'node'): Promise<RegisteredAgent>
  /** The resource identifier of a server that is reached by HTTP at `url`, with the tools that it offers. */
  addServer(name: string, url: string, tools: readonly object[]): Promise<string>
  /** The first owner, signed in with a passkey. */
  owner(): Promise<PageBrowser>
  agentOf(agent: Pick<RegisteredAgent, 'clientId' | 'signer'>): Agent
  close(): Promise<void>
}

const LOOPBACK = ['127.0.0.1', 'localhost']

const configOf = (issuer: string, port: number, gatewayUrl: string, dataDir: string) => ({
  issuer,
  listen: { host: '127.0.0.1', port },
  dataDir,
  trustDomain: 'conformance.test',
  database: { engine: 'sqlite' as const },
  gatewayUrl,
  clockSkewSeconds: 5,
  cimd: { enabled: true, privateHosts: [] },
  dynamicRegistration: true,
  upstreams: [],
  dpopNonce: 'required' as const,
  trustedProxies: [],
})

/** INVARIANT of the gateway: an entry stays the same object as long as nothing about its server changed. */
const liveDirectory = (registry: () => Registry) => {
  const entries = new Map<string, { readonly text: string; readonly entry: ServerEntry }>()
  const entryOf = (server: Server): ServerEntry => {
    const text = JSON.stringify(server)
    const known = entries.get(server.name)
    if (known?.text === text) return known.entry
    const entry = {
      name: server.name,
      resource: server.resource,
      labelsOf: (tool: string) => server.labels[tool] ?? {},
    }
    entries.set(server.name, { text, entry })
    return entry
  }
  const find = (name: string): ServerEntry | undefined => {
    const server = registry().servers.find((one) => one.name === name)
    return server === undefined ? undefined : entryOf(server)
  }
  return { find, list: () => registry().servers.map(entryOf) }
}

const openGateway = async (authority: Authority, port: number) => {
  const { embedded } = authority
  const directory = liveDirectory(embedded.registry)
  const urlOf = (name: string): URL | undefined => {
    const url = embedded.registry().servers.find((one) => one.name === name)?.url
    return url === undefined ? undefined : new URL(url)
  }
  const gateway = createGateway({
    directory,
    upstreams: {
      of: ({ name }) => {
        const url = urlOf(name)
        if (url === undefined) return undefined
        return { shared: false, make: () => createHttpUpstream({ dispatcher: new Pool(url.origin), url }) }
      },
    },
    guard: {
      issuers: [
        {
          issuer: embedded.domain.issuer,
          keys: { key: (kid) => embedded.signingKeys.find(kid)?.publicKey },
          domain: embedded.domain.id,
          epoch: () => embedded.domain.epoch,
        },
      ],
      once: embedded.once,
      fence: false,
      decider: embedded.decider,
      recorder: embedded.recorder,
      revocations: embedded.revocations,
      bearer: (resource, client) =>
        embedded.registry().bearer.some((one) => one.resource === resource && one.client === client),
    },
    clock: nodeClock,
    random: nodeRandom,
    origins: { hosts: [`127.0.0.1:${port}`], origins: [] },
  })
  const server = createHttpServer({ routes: gateway.routes, log: silentLogger, clock: nodeClock, random: nodeRandom })
  await server.listen(port, '127.0.0.1')
  return async () => {
    await server.close(500)
    await gateway.close()
  }
}

type Api = World['api']

/** The domain's own interface with tokens of this scope. */
const apiAs = (issuer: string, agent: Agent, scope: string): Api => {
  const send = agent.apiFetch(issuer, adminResource(issuer), scope)
  return async (method, path, body) => {
    const answer = await send(`${issuer}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
  }
}

const operatorOf = (dataDir: string): { readonly clientId: string; readonly signer: JwsSigner } => {
  const file = readOperator(dataDir)
  if (file === undefined) throw new Error('the authority made no operator')
  return { clientId: file.clientId, signer: signerOf(operatorKey(file)) }
}

export const must = ({ status, body }: ApiAnswer, wanted: number): Record<string, unknown> => {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}: ${JSON.stringify(body)}`)
  return body
}

const register = async (api: Api, body: Readonly<Record<string, unknown>>): Promise<RegisteredAgent> => {
  const { privateKey } = nodeKeys.es256()
  const { id } = must(await api('POST', '/v1/agents', { ...body, keys: [publicJwkOf(privateKey)] }), 201)
  return { clientId: String(id), signer: signerOf(privateKey), privateKey }
}

const ownerOf = async (issuer: string, link: string): Promise<PageBrowser> => {
  const authenticator = createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom })
  const browser = createPageBrowser({ issuer, fetch: nodeFetch, authenticator })
  await browser.enrol(link, 'Conformance owner')
  return browser
}

const openAuthority = async (config: AuthorityConfig) => {
  const fetch = createSafeFetch({ clock: nodeClock })
  const deps = { clock: nodeClock, random: nodeRandom, keys: nodeKeys, log: silentLogger, fetch }
  const authority = await startAuthority(config, deps)
  return {
    authority,
    close: async () => {
      await authority.close()
      await fetch.close()
    },
  }
}

export const openWorld = async (): Promise<World> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'credence-conformance-'))
  const [port, gatewayPort] = [await freePort(), await freePort()]
  const issuer = `http://127.0.0.1:${port}`
  const gateway = `http://127.0.0.1:${gatewayPort}`
  const { authority, close: closeAuthority } = await openAuthority(configOf(issuer, port, gateway, dataDir))
  const closeGateway = await openGateway(authority, gatewayPort)
  const agents: Agent[] = []
  const agentOf: World['agentOf'] = ({ clientId, signer }) => {
    const agent = createAgent({ clientId, signer, clock: nodeClock, random: nodeRandom, allowPrivate: LOOPBACK })
    agents.push(agent)
    return agent
  }
  const api = apiAs(issuer, agentOf(operatorOf(dataDir)), 'admin')
  const asNode = apiAs(issuer, agentOf(await register(api, { name: 'Node', role: 'node' })), 'node')
  return {
    issuer,
    gateway,
    authority,
    api,
    agentOf,
    addAgent: (name, redirectUris = [], role = 'agent') => register(api, { name, redirectUris, role }),
    addServer: async (name, url, tools) => {
      const { resource } = must(await api('POST', '/v1/servers', { name, kind: 'http', url }), 201)
      must(await asNode('PUT', `/v1/servers/${name}/tools`, { tools }), 204)
      return String(resource)
    },
    owner: () => ownerOf(issuer, authority.setupLink?.url ?? ''),
    close: async () => {
      await closeGateway()
      for (const agent of agents) await agent.close()
      await closeAuthority()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/**
 * Calls, lists and reads of one agent that acts for itself. Reading resources and prompts is nothing that a grant of
 * tools covers: a policy of the domain has to say it.
 */
export const permitOwnCalls = async (world: World, clientId: string): Promise<void> => {
  const before = must(await world.api('GET', '/v1/policies'), 200) as { number: number; source: { files: object[] } }
  const text = `@id("conformance")
permit (principal, action in [Action::"tools/call", Action::"mcp.list", Action::"mcp.read"], resource)
when { context.self && context.proof == "dpop" && context.client == "${clientId}" };
`
  const files = [...before.source.files, { name: 'conformance.cedar', text }]
  must(await world.api('PUT', '/v1/policies', { files, expected: before.number }), 200)
}
