/**
 * The only file that touches the ambient clock, randomness, key generation and fetch. Lint forbids them everywhere else.
 * (The only file that opens outgoing connections to URLs chosen by others is `fetch/safe-fetch.ts`.)
 */
import { generateKeyPairSync, randomBytes, randomFillSync } from 'node:crypto'
import type { Clock, KeyMaker, Random } from './deps.ts'

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

const POOL_BYTES = 8192
const POOLED_AT_MOST = 64
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Identifiers and nonces take a piece of one larger draw. INVARIANT: a piece is given once and leaves no copy behind. */
const fromPool = (length: number): Uint8Array => {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  // NOTE: a Buffer, which prints itself as base64url without being wrapped; a loop, which for so few bytes beats a call.
  const piece = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length; at += 1) {
    piece[at] = pool[used + at] as number
    pool[used + at] = 0
  }
  used += length
  return piece
}

export const nodeRandom: Random = {
  bytes: (length) => (length > 0 && length <= POOLED_AT_MOST ? fromPool(length) : randomBytes(length)),
}

export const nodeKeys: KeyMaker = {
  es256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed25519: () => generateKeyPairSync('ed25519'),
}

/** For requests to addresses that our own operator configured; what others chose goes through `fetch/safe-fetch.ts`. */
export const nodeFetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init)
