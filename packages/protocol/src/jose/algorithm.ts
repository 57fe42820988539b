/**
 * One algorithm for one key.
 *
 * INVARIANT: the algorithm comes from the key, never from the header; the header may only agree (RFC 8725 section 3.1).
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { jwsRefused } from './errors.ts'

export type JwsAlg = 'ES256' | 'RS256' | 'EdDSA'

const MINIMUM_RSA_BITS = 2048
const known = new WeakMap<KeyObject, JwsAlg>()

const derive = (key: KeyObject): JwsAlg => {
  if (key.type === 'secret') throw jwsRefused('jwk_refused', 'A shared secret cannot sign here.')
  const details = key.asymmetricKeyDetails
  if (key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (key.asymmetricKeyType === 'rsa' && (details?.modulusLength ?? 0) >= MINIMUM_RSA_BITS) return 'RS256'
  throw jwsRefused('jwk_refused', 'The key is of a kind or size that is not accepted.')
}

/** P-256 signs ES256, RSA of 2048 bits or more RS256, Ed25519 EdDSA; everything else is refused. */
export const algOf = (key: KeyObject): JwsAlg => {
  const seen = known.get(key)
  if (seen !== undefined) return seen
  const alg = derive(key)
  known.set(key, alg)
  return alg
}

/** RFC 9864 gives EdDSA over Ed25519 a second name; both mean the same key here. */
export const headerAgrees = (alg: JwsAlg, named: unknown): boolean =>
  named === alg || (alg === 'EdDSA' && named === 'Ed25519')

const ES256_SIGNATURE_BYTES = 64

/** RFC 7518 section 3.4: an ES256 signature is r and s, 32 bytes each; OpenSSL refuses r or s outside [1, n-1]. */
export const verifyBytes = (key: KeyObject, input: Uint8Array, signature: Uint8Array): boolean => {
  switch (algOf(key)) {
    case 'ES256':
      return (
        signature.length === ES256_SIGNATURE_BYTES &&
        verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature)
      )
    case 'RS256':
      return verify('sha256', input, key, signature)
    case 'EdDSA':
      return verify(null, input, key, signature)
  }
}

export const signBytes = (key: KeyObject, input: Uint8Array): Uint8Array => {
  switch (algOf(key)) {
    case 'ES256':
      return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' })
    case 'RS256':
      return sign('sha256', input, key)
    case 'EdDSA':
      return sign(null, input, key)
  }
}
