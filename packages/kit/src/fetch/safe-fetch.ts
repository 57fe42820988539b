/**
 * The one way to ask a server whose address somebody else chose.
 *
 * INVARIANT: the connection goes to an address that was checked: the name is resolved once, every answer must be public,
 * and the socket is given those answers, so that a second resolution with another answer never happens.
 */
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Dispatcher } from 'undici'
import type { Clock } from '../deps.ts'
import { isCredenceError, refused, unavailable } from '../errors.ts'
import { type Connections, createConnections } from './connections.ts'
import { isPublicAddress } from './public-address.ts'
import { createRate } from './rate.ts'
import { decompress, readBounded } from './read-body.ts'
import { checkTarget, notAllowed, type Target, type TargetRules } from './target.ts'

export interface ResolvedAddress {
  readonly address: string
  readonly family: 4 | 6
}
export type Lookup = (hostname: string) => Promise<readonly ResolvedAddress[]>

export interface SafeFetchOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Default: the system's resolver. */
  readonly lookup?: Lookup
  /** Hosts (`localhost`, `127.0.0.1:9000`) that the owner allows although they are private: plain http and any port too. */
  readonly allowPrivate?: readonly string[]
  /** Ports other than 443 that are allowed for public hosts. Default none. */
  readonly ports?: readonly number[]
  /** Requests in one minute to one host (default 60) and in total (default 600). */
  readonly perHostPerMinute?: number
  readonly totalPerMinute?: number
  /** PEM of further certificate authorities (a company's own). */
  readonly ca?: readonly string[]
  /** PEM of our own certificate, for servers that ask for one. */
  readonly certificate?: { readonly cert: string; readonly key: string }
  /** So many connections to one origin are kept, for a server that is asked often. Default: a connection for each request. */
  readonly keepConnections?: number
}

export interface SafeRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Bytes after decompression; default 256 KiB. */
  readonly maxBytes?: number
  /** Milliseconds for everything together; default 5,000. */
  readonly timeoutMs?: number
  /** Media types that are accepted in a 2xx answer, without parameters; default any. */
  readonly contentTypes?: readonly string[]
  /** Redirects of a GET that are followed, each checked like the first address. Default 0: a redirect is refused. */
  readonly redirects?: number
  readonly signal?: AbortSignal
}

export interface SafeResponse {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
  /** The address that answered, after redirects. */
  readonly url: string
}

export type SafeFetch = (url: string, request?: SafeRequest) => Promise<SafeResponse>

interface Parts {
  readonly rules: TargetRules
  readonly lookup: Lookup
  readonly count: (host: string) => void
  readonly connections: Connections
}

const FORBIDDEN_FIELDS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
])
const REDIRECTS = new Set([301, 302, 303, 307, 308])

const resolveBySystem: Lookup = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map(({ address, family }) => ({
    address,
    family: family === 6 ? 6 : 4,
  }))

const resolve = async (target: Target, lookup: Lookup): Promise<readonly ResolvedAddress[]> => {
  const literal = isIP(target.host)
  if (literal !== 0) return [{ address: target.host, family: literal === 6 ? 6 : 4 }]
  const addresses = await lookup(target.host)
  if (addresses.length === 0)
    throw unavailable('fetch_failed', 'The other server does not answer.', { detail: 'no address' })
  for (const { address } of addresses) {
    if (!target.allowedPrivate && !isPublicAddress(address))
      throw notAllowed('fetch_address_forbidden', `${target.host} is ${address}`)
  }
  return addresses
}

const plainHeaders = (headers: Dispatcher.ResponseData['headers']): Record<string, string> => {
  const plain: Record<string, string> = Object.create(null)
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value
  }
  return plain
}

const checkType = (response: SafeResponse, accepted: readonly string[] | undefined): void => {
  if (accepted === undefined || response.status < 200 || response.status > 299) return
  const type = (response.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (!accepted.includes(type))
    throw refused('fetch_content_type', 'The other server answered with another content type.', {
      status: 400,
      detail: type,
    })
}

const requestHeaders = (request: SafeRequest): Record<string, string> => {
  const headers: Record<string, string> = { 'accept-encoding': 'gzip, deflate, br' }
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (FORBIDDEN_FIELDS.has(name.toLowerCase())) throw new TypeError(`The field ${name} is ours to set`)
    headers[name.toLowerCase()] = value
  }
  return headers
}

const ask = async (target: Target, request: SafeRequest, parts: Parts, signal: AbortSignal): Promise<SafeResponse> => {
  const maxBytes = request.maxBytes ?? 262_144
  const { client, release } = await parts.connections.to(target.url.origin, request.timeoutMs ?? 5_000, () =>
    resolve(target, parts.lookup),
  )
  try {
    signal.throwIfAborted()
    const answer = await client.request({
      origin: target.url.origin,
      path: `${target.url.pathname}${target.url.search}`,
      method: request.method ?? 'GET',
      headers: requestHeaders(request),
      body: request.body ?? null,
      signal,
    })
    const headers = plainHeaders(answer.headers)
    const packed = await readBounded(answer.body, maxBytes)
    const bytes = await decompress(packed, headers['content-encoding'], maxBytes)
    return { status: answer.statusCode, headers, bytes, url: target.url.href }
  } finally {
    await release()
  }
}

const withoutCredentials = (request: SafeRequest): SafeRequest => ({
  ...request,
  headers: Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(
      ([name]) => !/^(?:authorization|cookie|dpop|proxy-authorization)$/i.test(name),
    ),
  ),
})

const follow = async (url: string, request: SafeRequest, parts: Parts, signal: AbortSignal): Promise<SafeResponse> => {
  let current = url
  let asked = request
  for (let left = request.redirects ?? 0; ; left -= 1) {
    const target = checkTarget(current, parts.rules)
    parts.count(target.url.host)
    const response = await ask(target, asked, parts, signal)
    const location = response.headers.location
    if (!REDIRECTS.has(response.status) || location === undefined) return response
    if (left <= 0 || (request.method ?? 'GET') !== 'GET') {
      throw refused('fetch_redirect', 'The other server answered with a redirect.', { status: 400, detail: location })
    }
    const next = URL.parse(location, current)
    if (next === null) throw notAllowed('fetch_url_invalid', 'redirect')
    if (next.origin !== target.url.origin) asked = withoutCredentials(asked)
    current = next.href
  }
}

const abortedFirst = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })

/** `refused` (`fetch_…`) for what we will not ask for or accept; `unavailable` for what does not answer in time. */
export const createSafeFetch = (options: SafeFetchOptions): SafeFetch & { close(): Promise<void> } => {
  const closed = new AbortController()
  const connections = createConnections({
    clock: options.clock,
    ca: options.ca ?? [],
    certificate: options.certificate,
    keep: options.keepConnections ?? 0,
  })
  const parts: Parts = {
    rules: {
      allowPrivate: new Set(options.allowPrivate?.map((host) => host.toLowerCase())),
      ports: new Set(options.ports?.map(String)),
    },
    lookup: options.lookup ?? resolveBySystem,
    count: createRate(options.clock, options.perHostPerMinute ?? 60, options.totalPerMinute ?? 600),
    connections,
  }
  const safeFetch: SafeFetch = async (url, request = {}) => {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error('too slow')), request.timeoutMs ?? 5_000)
    const others = request.signal === undefined ? [] : [request.signal]
    const signal = AbortSignal.any([late.signal, closed.signal, ...others])
    try {
      const response = await abortedFirst(follow(url, request, parts, signal), signal)
      checkType(response, request.contentTypes)
      return response
    } catch (error) {
      if (isCredenceError(error) || error instanceof TypeError) throw error
      throw unavailable('fetch_failed', 'The other server does not answer.', { detail: String(error), cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
  /** Ends what is running; nothing is asked afterwards. */
  const close = async (): Promise<void> => {
    closed.abort(new Error('closed'))
    await connections.close()
  }
  return Object.assign(safeFetch, { close })
}
