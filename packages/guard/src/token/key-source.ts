/** Where the public keys of an issuer come from. INVARIANT: one source per issuer; keys of two issuers never mix. */
import type { KeyObject } from 'node:crypto'

export interface KeySource {
  /** What is known at this moment. Never waits; asked on every hit of the cache, so that a removed key bites. */
  key(kid: string): KeyObject | undefined
  /** Asked when a token is seen for the first time; may fetch, within its own bounds. Absent: `key` is all there is. */
  find?(kid: string): Promise<KeyObject | undefined>
}

export const staticKeys = (keys: Readonly<Record<string, KeyObject>> | ReadonlyMap<string, KeyObject>): KeySource => {
  const known = new Map(keys instanceof Map ? keys : Object.entries(keys))
  return { key: (kid) => known.get(kid) }
}
