/**
 * Verified tokens by the SHA-256 of their bytes.
 *
 * INVARIANT: an entry saves signatures and parsing, never a judgement: expiry, revocation, audience, binding and the
 * key that signed it are asked on every hit.
 */
import type { KeyObject } from 'node:crypto'
import type { CallerFacts } from '@credence/model'
import type { ExpectedKey } from '@credence/protocol/dpop'
import type { RevocationHandle } from '../ports.ts'

export interface CachedToken {
  readonly issuer: string
  readonly kid: string
  readonly key: KeyObject
  readonly epoch: number
  readonly facts: CallerFacts
  readonly revocation: RevocationHandle
  /** The key of the last good proof: the next one needs a comparison, not an import. */
  proofKey: ExpectedKey | undefined
}

export interface TokenCache {
  get(hash: string): CachedToken | undefined
  set(hash: string, entry: CachedToken): void
  delete(hash: string): void
  readonly size: number
}

export const createTokenCache = (limit: number): TokenCache => {
  const entries = new Map<string, CachedToken>()
  return {
    get: (hash) => entries.get(hash),
    set: (hash, entry) => {
      if (entries.size >= limit) makeRoom(entries, Math.max(1, limit >> 3), entry.facts.issuedAt)
      entries.set(hash, entry)
    },
    delete: (hash) => entries.delete(hash),
    get size() {
      return entries.size
    },
  }
}

/** Whatever expired before the newest token was made goes; without any, the oldest eighth. */
const makeRoom = (entries: Map<string, CachedToken>, share: number, nowSeconds: number): void => {
  const before = entries.size
  for (const [hash, { facts }] of entries) if (facts.expiresAt <= nowSeconds) entries.delete(hash)
  if (entries.size < before) return
  let left = share
  for (const hash of entries.keys()) {
    if (left-- === 0) return
    entries.delete(hash)
  }
}
