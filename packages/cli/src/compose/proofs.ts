/** Which proofs a gateway has seen. */
import type { GatewayOptions } from '@credence/gateway'
import { type Clock, createMemoryOnce } from '@credence/kit'

export type ProofMemory = Required<Pick<GatewayOptions['guard'], 'once' | 'fence'>>

/** Longer than the 70 s for which a proof dated 5 s ahead is claimed. */
const WINDOW_MS = 75_000
/** Two windows are held: 13,000 calls a second. */
const CAPACITY = 2_000_000

/**
 * In memory, for the one process that sees every proof of a key. INVARIANT: one for all servers of the process, made
 * before it listens: what was signed before that moment needs a nonce, so that nothing seen by an earlier run comes back.
 */
export const rememberProofs = (clock: Clock): ProofMemory => ({
  once: createMemoryOnce({ clock, windowMs: WINDOW_MS, capacity: CAPACITY }),
  fence: clock.now(),
})
