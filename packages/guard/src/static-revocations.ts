import type { RevocationHandle, Revocations } from './ports.ts'

const NEVER: RevocationHandle = Object.freeze({ revoked: false, revokedBy: undefined })

/**
 * For a resource server without a feed: nothing is ever withdrawn before it expires.
 *
 * NOTE: what it says about its lease is a choice, not a measurement. `expiry-is-enough` says that a token may live out
 * its minutes after it was revoked; keep the lifetime short. Whoever cannot accept that follows the feed of the domain.
 */
export const staticRevocations = (_accepted: 'expiry-is-enough'): Revocations => ({
  follow: () => NEVER,
  lease: () => 'fresh',
})
