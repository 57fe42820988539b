/** The HTTP edge: node:http with its strict parser, routes as data, one place where errors become answers. */
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { toBase64url } from '../base64url.ts'
import type { Clock, Random } from '../deps.ts'
import { bug, type CredenceError, refused, toCredenceError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { parseTraceparent } from '../telemetry/traceparent.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { answer } from './answer.ts'
import { answerBrokenRequest } from './broken-request.ts'
import { clientAddressReader } from './client-address.ts'
import { type ErrorPage, errorReply } from './error-reply.ts'
import { HANDLED } from './reply.ts'
import { NodeRequest } from './request.ts'
import { type Match, Router } from './router.ts'
import type { EdgeResponse, ErrorFormat, Mount, Route } from './types.ts'

export interface ServerLimits {
  /** Bytes of one body; default 1 MiB. */
  readonly maxBody?: number
  /** Bytes of all header fields; default 16 KiB. */
  readonly maxHeaders?: number
  /** Count of header fields; default 100. */
  readonly maxHeaderCount?: number
  /** Milliseconds for the header fields; default 10,000. */
  readonly headersTimeout?: number
  /** Milliseconds to receive the whole request; default 30,000. */
  readonly requestTimeout?: number
  /** Milliseconds between requests of one connection; default 65,000. */
  readonly idleTimeout?: number
  /** Milliseconds in which not one byte moves, answers included; default 120,000. A long stream resets it on its socket. */
  readonly stallTimeout?: number
  /** Open connections; default 10,000. */
  readonly maxConnections?: number
}

/** One finished request, for metrics and access logs. Carries no path, query or header: they hold secrets. */
export interface Served {
  readonly route: string
  readonly method: string
  readonly status: number
  readonly ms: number
  readonly code?: string
}

export interface HttpServerOptions {
  readonly routes: readonly Route[]
  readonly mounts?: readonly Mount[]
  readonly limits?: ServerLimits
  /** Addresses or CIDR blocks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default none. */
  readonly trustedProxies?: readonly string[]
  /** With `requestCert` a client may show a certificate; handlers find it on the socket. */
  readonly tls?: Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'minVersion' | 'secureOptions'> &
    Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized'>
  readonly log: Logger
  readonly clock: Pick<Clock, 'monotonic'>
  readonly random: Random
  /** Header fields of every answer, besides the defaults (`X-Content-Type-Options`, `Cache-Control: no-store`). */
  readonly headers?: Readonly<Record<string, string>>
  readonly onServed?: (served: Served) => void
  /** One span for each request that has a route, below the caller's `traceparent`. Names no path, query or header. */
  readonly tracing?: Tracing
  /** A page for an error; default is a plain one. */
  readonly errorPage?: ErrorPage
}

export interface HttpServer {
  readonly routes: readonly Route[]
  listen(port: number, host: string): Promise<AddressInfo>
  /** Takes no new connection, lets running requests end for `graceMs` (default 5,000), then cuts. */
  close(graceMs?: number): Promise<void>
}

const LIMITS: Required<ServerLimits> = {
  maxBody: 1_048_576,
  maxHeaders: 16_384,
  maxHeaderCount: 100,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 65_000,
  stallTimeout: 120_000,
  maxConnections: 10_000,
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What node:http leaves to us: number of fields, one Host, a path that is a path. */
const checkRequestHead = (req: IncomingMessage, maxHeaderCount: number): void => {
  const { rawHeaders, url = '' } = req
  if (rawHeaders.length / 2 > maxHeaderCount)
    throw refused('headers_too_many', 'Too many header fields.', { status: 431 })
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1
  }
  if (hosts > 1) throw refused('header_repeated', 'The header field "host" may be sent only once.', { status: 400 })
  if (!url.startsWith('/') || url.includes('#')) throw refused('path_invalid', 'Not a path.', { status: 400 })
}

const unmatched = (match: Extract<Match, { kind: 'method' | 'none' }>): CredenceError =>
  match.kind === 'none'
    ? refused('not_found', 'There is nothing here.', { status: 404 })
    : refused('method_not_allowed', 'This method is not allowed here.', {
        status: 405,
        headers: { allow: match.allow.join(', ') },
      })

/** Where no route says it: people get a page. */
const formatFor = (req: IncomingMessage): ErrorFormat =>
  req.headers.accept?.includes('text/html') === true ? 'html' : 'problem'

/** INVARIANT: what a cache may keep carries the name of one request, so it is kept for requests of that name alone. */
const isCacheable = ({ headers = {} }: EdgeResponse): boolean =>
  Object.entries(headers).some(([name, value]) => name.toLowerCase() === 'cache-control' && !value.includes('no-store'))

class Edge {
  readonly #options: HttpServerOptions
  readonly #limits: Required<ServerLimits>
  readonly #router: Router
  readonly #clientOf: ReturnType<typeof clientAddressReader>
  readonly #defaults: Readonly<Record<string, string>>

  constructor(options: HttpServerOptions, limits: Required<ServerLimits>) {
    this.#options = options
    this.#limits = limits
    this.#router = new Router(options.routes, options.mounts)
    this.#clientOf = clientAddressReader(options.trustedProxies ?? [])
    this.#defaults = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', ...options.headers }
  }

  /** INVARIANT: never rejects and never leaves a request without an answer or a cut connection. */
  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const started = this.#options.clock.monotonic()
    let name = 'none'
    let format: ErrorFormat | undefined
    let code: string | undefined
    res.on('error', () => {})
    res.once('close', () => this.#served(name, req, res, started, code))
    try {
      checkRequestHead(req, this.#limits.maxHeaderCount)
      const { path, search } = splitTarget(req.url as string)
      const match = this.#router.find(req.method ?? '', path)
      if (match.kind === 'mount') {
        name = match.mount.name
        await match.mount.handler(req, res)
        return
      }
      if (match.kind !== 'route') return await this.#unmatched(match, req, res)
      const { route, params } = match
      name = route.name
      format = route.errors ?? 'problem'
      const parts = { req, res, route, path, search, params, maxBody: this.#limits.maxBody, clientOf: this.#clientOf }
      const reply = await this.#handle(route, new NodeRequest(parts))
      if (reply !== HANDLED) await answer(res, reply, this.#defaultsFor(req, isCacheable(reply)))
    } catch (thrown) {
      code = await this.#fail(thrown, format ?? formatFor(req), name, res)
    }
  }

  #handle(route: Route, request: NodeRequest): EdgeResponse | Promise<EdgeResponse> {
    const { tracing } = this.#options
    if (tracing === undefined) return route.handler(request)
    const attributes = { 'http.request.method': route.method, 'http.route': route.path, 'credence.route': route.name }
    const parent = parseTraceparent(request.headers.all('traceparent')[0] ?? '')
    return tracing.span(`${route.method} ${route.path}`, attributes, () => route.handler(request), parent)
  }

  async #unmatched(
    match: Extract<Match, { kind: 'method' | 'none' }>,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    if (!KNOWN_METHODS.has(req.method ?? ''))
      throw refused('method_unknown', 'This method is unknown.', { status: 501 })
    if (match.kind === 'none' || req.method !== 'OPTIONS') throw unmatched(match)
    await answer(res, { status: 204, headers: { allow: match.allow.join(', ') } }, this.#defaultsFor(req))
  }

  /** Whoever names a request finds the name on the answer, refusals included: `X-Request-ID` comes back as it was sent. */
  #defaultsFor(req: IncomingMessage, cacheable = false): Readonly<Record<string, string>> {
    const name = req.headers['x-request-id']
    const defaults = cacheable ? { ...this.#defaults, vary: 'x-request-id' } : this.#defaults
    return typeof name === 'string' && name !== '' ? { ...defaults, 'x-request-id': name } : defaults
  }

  async #fail(thrown: unknown, format: ErrorFormat, route: string, res: ServerResponse): Promise<string> {
    const error = toCredenceError(thrown)
    const request = toBase64url(this.#options.random.bytes(12))
    const { kind, code, status, detail } = error
    const level = kind === 'refused' ? 'info' : 'error'
    this.#options.log[level]('http_error', { kind, code, status, detail, route, request })
    if (res.headersSent || res.destroyed) {
      res.destroy()
      return code
    }
    const replies = [error, bug('error_reply', 'the error itself could not be sent')]
    for (const reply of replies) {
      try {
        for (const field of res.getHeaderNames()) res.removeHeader(field)
        await answer(res, errorReply(reply, format, request, this.#options.errorPage), this.#defaultsFor(res.req))
        return code
      } catch (again) {
        this.#options.log.error('http_error_reply', { detail: String(again), route, request })
      }
    }
    res.destroy()
    return code
  }

  #served(route: string, req: IncomingMessage, res: ServerResponse, started: number, code: string | undefined): void {
    const ms = this.#options.clock.monotonic() - started
    const method = KNOWN_METHODS.has(req.method ?? '') ? (req.method as string) : 'other'
    const served = { route, method, status: res.statusCode, ms, ...(code === undefined ? {} : { code }) }
    try {
      this.#options.onServed?.(served)
    } catch (error) {
      this.#options.log.error('http_on_served', { detail: String(error) })
    }
  }
}

const splitTarget = (url: string): { path: string; search: string } => {
  const question = url.indexOf('?')
  return question === -1 ? { path: url, search: '' } : { path: url.slice(0, question), search: url.slice(question + 1) }
}

/** NOTE: node's strict parser stays on: no `insecureHTTPParser`, a Host field is required, CL with TE is refused. */
const createNodeServer = (edge: Edge, limits: Required<ServerLimits>, tls: HttpServerOptions['tls']): Server => {
  const listener = (req: IncomingMessage, res: ServerResponse): void => void edge.serve(req, res)
  const settings = {
    maxHeaderSize: limits.maxHeaders,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.idleTimeout,
    connectionsCheckingInterval: Math.max(100, Math.min(5_000, limits.headersTimeout / 2)),
  }
  const server =
    tls === undefined
      ? createPlainServer(settings, listener)
      : (createTlsServer({ ...settings, minVersion: 'TLSv1.2', ...tls }, listener) as unknown as Server)
  // NOTE: node drops fields above this count in silence; we count and refuse.
  server.maxHeadersCount = 0
  server.maxConnections = limits.maxConnections
  server.timeout = limits.stallTimeout
  server.on('clientError', answerBrokenRequest)
  return server
}

const closeServer = (server: Server, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })

export const createHttpServer = (options: HttpServerOptions): HttpServer => {
  const limits = { ...LIMITS, ...options.limits }
  const server = createNodeServer(new Edge(options, limits), limits, options.tls)
  return {
    routes: options.routes,
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          server.on('error', (error) => options.log.error('http_server', { detail: String(error) }))
          resolve(server.address() as AddressInfo)
        })
      }),
    close: (graceMs = 5_000) => (server.listening ? closeServer(server, graceMs) : Promise.resolve()),
  }
}
