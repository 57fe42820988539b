/** An authorization server and a resource on the loopback address whose every answer a test can bend. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { signerOf } from '@credence/protocol/jose'
import { type Agent, type AgentOptions, createAgent } from '../agent.ts'
import type { PersonAsked } from '../authorization.ts'

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Written as it is, in place of `body`. */
  readonly raw?: string
}

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly form: URLSearchParams
}

export type Handler = (asked: Asked) => Reply | Promise<Reply>

const readAsked = async (req: IncomingMessage): Promise<Asked> => {
  const url = new URL(req.url ?? '/', 'http://x')
  const body = await text(req)
  return {
    method: req.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: req.headers,
    body,
    form: new URLSearchParams(body),
  }
}

export interface Site {
  readonly origin: string
  readonly asked: Asked[]
  close(): void
}

export const openSite = async (handler: Handler): Promise<Site> => {
  const asked: Asked[] = []
  const server = createServer(async (req, res) => {
    const one = await readAsked(req)
    asked.push(one)
    const { status = 200, headers = {}, body, raw } = await handler(one)
    const type = body === undefined && raw === undefined ? {} : { 'content-type': 'application/json' }
    res.writeHead(status, { ...type, ...headers })
    res.end(raw ?? (body === undefined ? '' : JSON.stringify(body)))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

export interface Knobs {
  /** Over what the documents say otherwise; undefined takes a member away. */
  metadata: Record<string, unknown>
  resource: Record<string, unknown>
  /** What the browser brings back, over the true answer; undefined takes a parameter away. */
  answer: Record<string, string | undefined>
  token: Handler | undefined
  /** Answers of the resource; undefined: 401 without a current token, else 200. */
  serve: Handler | undefined
  challenge: string | undefined
  /** Current access tokens. */
  readonly current: Set<string>
  expiresIn: number
}

export interface Lab {
  readonly as: Site
  readonly rs: Site
  readonly issuer: string
  readonly server: string
  readonly knobs: Knobs
  /** Links shown to the person. */
  readonly prompts: string[]
  readonly agent: Agent
  agentWith(options: Partial<AgentOptions>): Agent
  tokenRequests(): URLSearchParams[]
  /** Nothing that was sent in Authorization fields to the resource but tokens of the lab. */
  presented(): (string | undefined)[]
  close(): Promise<void>
}

const withoutUndefined = (members: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))

let tokens = 0

const authorizationServer = (knobs: Knobs, issuer: () => string): Handler => {
  const parameters = new Map<string, URLSearchParams>()
  const metadata = () =>
    withoutUndefined({
      issuer: issuer(),
      authorization_endpoint: `${issuer()}/authorize`,
      token_endpoint: `${issuer()}/token`,
      pushed_authorization_request_endpoint: `${issuer()}/par`,
      code_challenge_methods_supported: ['S256'],
      dpop_signing_alg_values_supported: ['ES256'],
      authorization_response_iss_parameter_supported: true,
      ...knobs.metadata,
    })
  const authorize = ({ query }: Asked): Reply => {
    const pushed = parameters.get(query.get('request_uri') ?? '') ?? query
    const back = new URL(pushed.get('redirect_uri') ?? '')
    const answer = { code: 'code-of-the-lab', state: pushed.get('state') ?? '', iss: issuer(), ...knobs.answer }
    for (const [name, value] of Object.entries(answer)) if (value !== undefined) back.searchParams.append(name, value)
    return { status: 303, headers: { location: back.href } }
  }
  return async (asked) => {
    if (asked.path === '/.well-known/oauth-authorization-server') return { body: metadata() }
    if (asked.path === '/authorize') return authorize(asked)
    if (asked.path === '/par') {
      const uri = `urn:lab:${parameters.size}`
      parameters.set(uri, asked.form)
      return { status: 201, body: { request_uri: uri, expires_in: 60 } }
    }
    if (asked.path !== '/token') return { status: 404 }
    if (knobs.token !== undefined) return await knobs.token(asked)
    return { body: nextToken(knobs, asked.form.get('scope')) }
  }
}

/** A good answer of the token endpoint; the token is current from now on. */
export const nextToken = (knobs: Knobs, scope: string | null = null): Record<string, unknown> => {
  tokens += 1
  const token = `access-token-${tokens}`
  knobs.current.add(token)
  return {
    access_token: token,
    token_type: 'DPoP',
    expires_in: knobs.expiresIn,
    refresh_token: `refresh-token-${tokens}`,
    ...(scope === null ? {} : { scope }),
  }
}

export const tokenOf = (asked: Asked): string | undefined => /^\w+ (.*)$/.exec(asked.headers.authorization ?? '')?.[1]

const resourceServer = (knobs: Knobs, origin: () => string, issuer: () => string): Handler => {
  const where = '/.well-known/oauth-protected-resource/mcp'
  return async (asked) => {
    if (asked.path === where) {
      return {
        body: withoutUndefined({
          resource: `${origin()}/mcp`,
          authorization_servers: [issuer()],
          ...knobs.resource,
        }),
      }
    }
    if (!asked.path.startsWith('/mcp')) return { status: 404 }
    if (knobs.serve !== undefined) return await knobs.serve(asked)
    const token = tokenOf(asked)
    if (token !== undefined && knobs.current.has(token)) return { body: { ok: true } }
    const challenge = knobs.challenge ?? `DPoP resource_metadata="${origin()}${where}"`
    return { status: 401, headers: { 'www-authenticate': challenge } }
  }
}

/** Opens the link and goes where it leads, as a browser does. */
export const browse = async (url: string): Promise<void> => {
  const there = await fetch(url, { redirect: 'manual' })
  const back = there.headers.get('location')
  if (back !== null) await fetch(back, { redirect: 'manual' })
}

export const openLab = async (): Promise<Lab> => {
  const knobs: Knobs = {
    metadata: {},
    resource: {},
    answer: {},
    token: undefined,
    serve: undefined,
    challenge: undefined,
    current: new Set(),
    expiresIn: 300,
  }
  const sites: { as?: Site; rs?: Site } = {}
  const originOf = (name: 'as' | 'rs') => () => sites[name]?.origin ?? ''
  const as = await openSite(authorizationServer(knobs, originOf('as')))
  sites.as = as
  const rs = await openSite(resourceServer(knobs, originOf('rs'), originOf('as')))
  sites.rs = rs
  const prompts: string[] = []
  const agents: Agent[] = []
  const agentWith = (options: Partial<AgentOptions>): Agent => {
    const agent = createAgent({
      clientId: 'agt_lab',
      signer: signerOf(nodeKeys.es256().privateKey),
      clock: nodeClock,
      random: nodeRandom,
      allowPrivate: [new URL(as.origin).host, new URL(rs.origin).host],
      ask: ({ url }: PersonAsked) => {
        prompts.push(url)
        return browse(url)
      },
      patienceMs: 2_000,
      ...options,
    })
    agents.push(agent)
    return agent
  }
  return {
    as,
    rs,
    issuer: as.origin,
    server: `${rs.origin}/mcp`,
    knobs,
    prompts,
    agent: agentWith({}),
    agentWith,
    tokenRequests: () => as.asked.filter(({ path }) => path === '/token').map(({ form }) => form),
    presented: () => rs.asked.filter(({ path }) => path.startsWith('/mcp')).map(({ headers }) => headers.authorization),
    close: async () => {
      for (const agent of agents) await agent.close()
      as.close()
      rs.close()
    },
  }
}
