/**
 * Keys from an issuer's JWKS URL.
 *
 * INVARIANT: a set that cannot be had, or cannot be read, leaves the last good one in force; it never opens anything,
 * and a storm of unknown kids costs one fetch per cool-down.
 */
import type { KeyObject } from 'node:crypto'
import { type Clock, unavailable } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { parseJwkSet, thumbprint } from '@credence/protocol/jose'
import type { KeySource } from './key-source.ts'

export interface JwksOptions {
  readonly url: string
  /** kit's safe fetcher: it bounds address, size and time. */
  readonly fetch: SafeFetch
  readonly clock: Pick<Clock, 'monotonic'>
  /** Milliseconds between two fetches for the sake of an unknown kid. Default 30,000. */
  readonly cooldownMs?: number
  /** Age after which the set is fetched again. Default 300,000: a removed key is gone that much later at most. */
  readonly maxAgeMs?: number
  /** Age after which the last good set is no longer believed. Default 86,400,000. */
  readonly staleMs?: number
}

interface KnownSet {
  readonly keys: ReadonlyMap<string, KeyObject>
  readonly at: number
}

const MAXIMUM_BYTES = 262_144
const TIMEOUT = 5000

export const createJwksKeySource = (options: JwksOptions): KeySource => {
  const { clock, cooldownMs = 30_000, maxAgeMs = 300_000, staleMs = 86_400_000 } = options
  let known: KnownSet | undefined
  let lastTry: number | undefined
  let running: Promise<void> | undefined

  const usable = (): KnownSet | undefined =>
    known !== undefined && clock.monotonic() - known.at < staleMs ? known : undefined

  const load = async (): Promise<void> => {
    lastTry = clock.monotonic()
    const response = await options.fetch(options.url, { maxBytes: MAXIMUM_BYTES, timeoutMs: TIMEOUT })
    if (response.status !== 200) throw unavailable('jwks_unavailable', 'The keys of the issuer cannot be had.')
    known = { keys: readSet(response.bytes, known?.keys), at: clock.monotonic() }
  }

  const refresh = (): Promise<void> => {
    if (running !== undefined) return running
    if (lastTry !== undefined && clock.monotonic() - lastTry < cooldownMs) return Promise.resolve()
    running = load()
      .catch(() => undefined)
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    key: (kid) => usable()?.keys.get(kid),
    find: async (kid) => {
      const old = known === undefined || clock.monotonic() - known.at >= maxAgeMs
      if (old || !known?.keys.has(kid)) await refresh()
      const set = usable()
      if (set === undefined) throw unavailable('jwks_unavailable', 'The keys of the issuer cannot be had.')
      return set.keys.get(kid)
    },
  }
}

/** Keys that did not change stay the same objects, so that tokens which they signed stay remembered. */
const readSet = (bytes: Uint8Array, before: ReadonlyMap<string, KeyObject> | undefined) => {
  const keys = new Map<string, KeyObject>()
  for (const { kid, key } of parseJwkSet(bytes)) {
    if (kid === undefined) continue
    const same = before?.get(kid)
    keys.set(kid, same !== undefined && thumbprint(same) === thumbprint(key) ? same : key)
  }
  return keys
}
