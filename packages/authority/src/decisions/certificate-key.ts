/** The key of a certificate under the name by which keys are revoked. */
import { createHash, type X509Certificate } from 'node:crypto'

/** RFC 7638 section 3.2, and RFC 8037 section 2 for OKP. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
  OKP: ['crv', 'kty', 'x'],
}

/** RFC 7638: the thumbprint of its public key, whichever algorithm it is for; undefined for a key that no JWK can say. */
export const keyThumbprint = ({ publicKey }: X509Certificate): string | undefined => {
  try {
    const jwk = publicKey.export({ format: 'jwk' }) as Readonly<Record<string, unknown>>
    const names = REQUIRED[String(jwk.kty)]
    if (names === undefined) return undefined
    const members = Object.fromEntries(names.map((name) => [name, jwk[name]]))
    return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
  } catch {
    return undefined
  }
}
