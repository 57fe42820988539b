import { createHash } from 'node:crypto'
import type { Random } from '../deps.ts'

/** The same bytes for the same seed, for tests that must be repeatable. NOTE: never outside tests. */
export const seededRandom = (seed: string): Random => {
  let counter = 0
  return {
    bytes: (length) => {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; at += 32) {
        const block = createHash('sha256').update(`${seed}:${counter++}`).digest()
        out.set(block.subarray(0, Math.min(32, length - at)), at)
      }
      return out
    },
  }
}
