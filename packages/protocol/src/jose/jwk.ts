/** RFC 7517 and RFC 7638: public keys in, public keys out. A private or symmetric member is refused, never ignored. */
import { createHash, createPublicKey, KeyObject } from 'node:crypto'
import { fromBase64url } from '@credence/kit'
import { z } from 'zod'
import { algOf, headerAgrees } from './algorithm.ts'
import { jwsRefused } from './errors.ts'
import { isJsonObject } from './json.ts'
import { isRocaModulus } from './roca.ts'

const Base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(2048)
const annotations = {
  kid: z.string().min(1).max(256).optional(),
  alg: z.string().max(32).optional(),
  use: z.literal('sig').optional(),
  key_ops: z.array(z.string().max(32)).max(8).optional(),
}

export const EcPublicJwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: Base64url.length(43),
  y: Base64url.length(43),
  ...annotations,
})
export const OkpPublicJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: Base64url.length(43),
  ...annotations,
})
export const RsaPublicJwk = z.object({
  kty: z.literal('RSA'),
  n: Base64url.min(342),
  e: Base64url.max(8),
  ...annotations,
})

/** The kinds of public key that are accepted; members that are not named here are dropped. */
export const PublicJwk = z.discriminatedUnion('kty', [EcPublicJwk, OkpPublicJwk, RsaPublicJwk])
export type PublicJwk = z.infer<typeof PublicJwk>

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

const noPrivateMember = (jwk: object): void => {
  for (const member of PRIVATE_MEMBERS) {
    if (Object.hasOwn(jwk, member)) throw jwsRefused('jwk_refused', 'The key carries private material.')
  }
}

/** RFC 7517 sections 4.2 to 4.4: a key that says what it is for is used for nothing else. */
const madeForVerifying = (jwk: PublicJwk, key: KeyObject): void => {
  if (jwk.key_ops !== undefined && !jwk.key_ops.includes('verify')) {
    throw jwsRefused('jwk_refused', 'The key is not meant for verifying signatures.')
  }
  if (jwk.alg !== undefined && !headerAgrees(algOf(key), jwk.alg)) {
    throw jwsRefused('jwk_refused', 'The key names an algorithm that is not accepted for it.')
  }
}

/** Checks a foreign JWK and keeps only its public, known members. */
export const parsePublicJwk = (jwk: unknown): PublicJwk => {
  if (!isJsonObject(jwk)) throw jwsRefused('jwk_refused', 'The key is not a JSON object.')
  noPrivateMember(jwk)
  const parsed = PublicJwk.safeParse(jwk)
  if (!parsed.success) throw jwsRefused('jwk_refused', 'The key is not of an accepted form.', parsed.error.message)
  for (const text of numbersOf(parsed.data)) decodeNumber(text)
  return parsed.data
}

const numbersOf = (jwk: PublicJwk): readonly string[] => {
  if (jwk.kty === 'RSA') return [jwk.n, jwk.e]
  return jwk.kty === 'EC' ? [jwk.x, jwk.y] : [jwk.x]
}

const decodeNumber = (text: string): Uint8Array => {
  try {
    return fromBase64url(text)
  } catch {
    throw jwsRefused('jwk_refused', 'A number of the key is not canonical base64url.')
  }
}

/** RFC 7518 section 6.3.1: exponents are odd, above one and small; the modulus has no leading zero and is long enough. */
const soundRsa = (jwk: PublicJwk): void => {
  if (jwk.kty !== 'RSA') return
  const n = decodeNumber(jwk.n)
  const e = decodeNumber(jwk.e)
  const exponent = e.reduce((sum, byte) => sum * 256 + byte, 0)
  const first = n[0] ?? 0
  const bits = (n.length - 1) * 8 + (32 - Math.clz32(first))
  if (first === 0 || bits < 2048 || bits > 8192 || exponent < 3 || exponent % 2 === 0 || isRocaModulus(n)) {
    throw jwsRefused('jwk_refused', 'The RSA key is too weak or too large.')
  }
}

/** A verification key from a foreign JWK. */
export const importJwk = (jwk: unknown): KeyObject => {
  const publicJwk = parsePublicJwk(jwk)
  soundRsa(publicJwk)
  let key: KeyObject
  try {
    key = createPublicKey({ key: requiredMembers(publicJwk), format: 'jwk' })
  } catch (cause) {
    throw jwsRefused('jwk_refused', 'The key is not a valid public key.', String(cause))
  }
  madeForVerifying(publicJwk, key)
  return key
}

const requiredMembers = (jwk: PublicJwk): Record<string, string> => {
  switch (jwk.kty) {
    case 'EC':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    case 'OKP':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x }
    case 'RSA':
      return { e: jwk.e, kty: jwk.kty, n: jwk.n }
  }
}

/** RFC 7638 section 3: the required members only, in lexical order, without white space. */
export const canonicalJwk = (jwk: PublicJwk): string => JSON.stringify(requiredMembers(jwk))

/** The public half of a key, as a JWK of required members. */
export const publicJwkOf = (key: KeyObject): PublicJwk => {
  algOf(key)
  const jwk: unknown = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return parsePublicJwk(jwk)
}

/** RFC 7638: base64url(SHA-256(canonical JWK)). */
export const thumbprint = (key: PublicJwk | KeyObject): string =>
  createHash('sha256')
    .update(canonicalJwk(key instanceof KeyObject ? publicJwkOf(key) : key))
    .digest('base64url')
