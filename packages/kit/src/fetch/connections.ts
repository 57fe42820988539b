/**
 * Connections to addresses that were checked: one for each request, or kept for a while for a server that is asked often.
 *
 * INVARIANT: a name is resolved and its addresses are checked whenever connections begin; what is kept goes to those
 * addresses and no others, and not for longer than a minute.
 */
import type { LookupFunction } from 'node:net'
import { rootCertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import type { Clock } from '../deps.ts'
import type { ResolvedAddress } from './safe-fetch.ts'

export interface ConnectionOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** PEM of further certificate authorities. */
  readonly ca: readonly string[]
  /** PEM: who we are, for servers that ask for a certificate. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined
  /** How many connections to one origin are kept; 0: none. */
  readonly keep: number
}

export interface Borrowed {
  readonly client: Dispatcher
  /** After the answer was read, or not. */
  readonly release: () => Promise<void>
}

export interface Connections {
  /** `resolve` is asked only where a connection begins. */
  to(origin: string, timeoutMs: number, resolve: () => Promise<readonly ResolvedAddress[]>): Promise<Borrowed>
  close(): Promise<void>
}

/** Gives the socket the checked addresses, whatever name it asks for. */
const pinned =
  (addresses: readonly ResolvedAddress[]): LookupFunction =>
  (_hostname, options, done) => {
    if (options.all === true) return done(null, [...addresses])
    const [first] = addresses as [ResolvedAddress]
    done(null, first.address, first.family)
  }

const KEPT_MS = 60_000
const MAX_ORIGINS = 64

export const createConnections = ({ clock, ca, certificate, keep }: ConnectionOptions): Connections => {
  const kept = new Map<string, { readonly pool: Promise<Dispatcher>; readonly since: number }>()
  const tls = { ...(ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca] }), ...certificate }
  const settings = (addresses: readonly ResolvedAddress[], timeout: number) => ({
    connect: { lookup: pinned(addresses), timeout, ...tls },
    maxHeaderSize: 16_384,
    pipelining: 1,
  })
  const end = (pool: Promise<Dispatcher>): void => void pool.then((one) => one.close()).catch(() => undefined)

  const open = async (origin: string, timeoutMs: number, resolve: () => Promise<readonly ResolvedAddress[]>) => {
    const addresses = await resolve()
    const { Pool } = await import('undici')
    return new Pool(origin, { ...settings(addresses, timeoutMs), connections: keep, keepAliveTimeout: 10_000 })
  }

  const poolTo: Connections['to'] = async (origin, timeoutMs, resolve) => {
    const before = kept.get(origin)
    const now = clock.monotonic()
    if (before !== undefined && now - before.since < KEPT_MS)
      return { client: await before.pool, release: async () => undefined }
    if (before !== undefined) end(before.pool)
    if (kept.size >= MAX_ORIGINS) for (const [other, { pool }] of kept) if (kept.delete(other)) end(pool)
    const made = { pool: open(origin, timeoutMs, resolve), since: now }
    kept.set(origin, made)
    try {
      return { client: await made.pool, release: async () => undefined }
    } catch (error) {
      if (kept.get(origin) === made) kept.delete(origin)
      throw error
    }
  }

  const ownTo: Connections['to'] = async (origin, timeoutMs, resolve) => {
    const addresses = await resolve()
    const { Client } = await import('undici')
    const client = new Client(origin, settings(addresses, timeoutMs))
    return { client, release: () => client.destroy().catch(() => undefined) }
  }

  return {
    to: keep > 0 ? poolTo : ownTo,
    close: async () => {
      const all = [...kept.values()]
      kept.clear()
      await Promise.all(all.map(({ pool }) => pool.then((one) => one.destroy()).catch(() => undefined)))
    },
  }
}
