/** RFC 7517 section 5: a set of public keys, bounded, without ambiguity. */
import type { KeyObject } from 'node:crypto'
import { parseStrict } from '@credence/kit/json'
import { algOf, type JwsAlg } from './algorithm.ts'
import { jwsRefused } from './errors.ts'
import { isJsonObject } from './json.ts'
import { importJwk, type PublicJwk, parsePublicJwk, publicJwkOf } from './jwk.ts'

export interface VerificationKey {
  readonly kid: string | undefined
  readonly alg: JwsAlg
  readonly key: KeyObject
  readonly jwk: PublicJwk
}

export interface JwkSet {
  readonly keys: readonly PublicJwk[]
}

const MAXIMUM_KEYS = 64
const MAXIMUM_BYTES = 262_144
const SYMMETRIC_OR_PRIVATE = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'priv']

const read = (value: unknown): unknown => {
  if (!(value instanceof Uint8Array) && typeof value !== 'string') return value
  if (value.length > MAXIMUM_BYTES) throw jwsRefused('jwk_set_refused', 'The key set is too large.')
  try {
    return parseStrict(value)
  } catch (cause) {
    throw jwsRefused('jwk_set_refused', 'The key set is not strict JSON.', String(cause))
  }
}

/**
 * Keys of kinds that we do not use (encryption, other curves) are left out, as RFC 7517 section 5 wants.
 * A set that publishes private or symmetric material, or two keys under one `kid`, is refused as a whole.
 */
export const parseJwkSet = (value: unknown): readonly VerificationKey[] => {
  const set = read(value)
  if (!isJsonObject(set) || !Array.isArray(set.keys)) throw jwsRefused('jwk_set_refused', 'Not a key set.')
  if (set.keys.length > MAXIMUM_KEYS) throw jwsRefused('jwk_set_refused', 'The key set has too many keys.')
  const keys: VerificationKey[] = []
  const kids = new Set<string>()
  for (const jwk of set.keys) {
    if (!isJsonObject(jwk)) throw jwsRefused('jwk_set_refused', 'A key of the set is not an object.')
    if (SYMMETRIC_OR_PRIVATE.some((member) => Object.hasOwn(jwk, member)))
      throw jwsRefused('jwk_set_refused', 'The key set publishes private material.')
    const key = usable(jwk)
    if (key === undefined) continue
    if (key.kid !== undefined && kids.has(key.kid)) throw jwsRefused('jwk_set_refused', 'Two keys share a `kid`.')
    if (key.kid !== undefined) kids.add(key.kid)
    keys.push(key)
  }
  return keys
}

const usable = (jwk: unknown): VerificationKey | undefined => {
  try {
    const publicJwk = parsePublicJwk(jwk)
    const key = importJwk(jwk)
    return { kid: publicJwk.kid, alg: algOf(key), key, jwk: publicJwk }
  } catch {
    return undefined
  }
}

/** What an issuer publishes: public members, `kid`, `alg` and `use`, nothing else. */
export const createJwkSet = (keys: readonly { readonly kid: string; readonly key: KeyObject }[]): JwkSet => ({
  keys: keys.map(({ kid, key }) => ({ ...publicJwkOf(key), kid, alg: algOf(key), use: 'sig' as const })),
})
