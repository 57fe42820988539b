/**
 * RFC 9449 sections 8 and 9: nonces that the server makes, without keeping them.
 *
 * A nonce is the number of a time bucket and an HMAC over purpose and bucket. Purposes are apart: a nonce of the
 * authorization server says nothing to a resource server. Nodes that share the secret accept each other's nonces.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export type NoncePurpose = 'as' | 'rs'

const BUCKET_SECONDS = 60
const BUCKET_BYTES = 6
const MAC_BYTES = 16
const FORM = /^[A-Za-z0-9_-]{30}$/

const bucketAt = (now: number): number => Math.floor(now / 1000 / BUCKET_SECONDS)

const seal = (secret: Uint8Array, purpose: NoncePurpose, bucket: Buffer): Buffer =>
  createHmac('sha256', secret).update(`dpop-nonce:${purpose}:`).update(bucket).digest().subarray(0, MAC_BYTES)

/** `now`: epoch milliseconds. The nonce changes once a minute. */
export const createNonce = (options: {
  readonly secret: Uint8Array
  readonly purpose: NoncePurpose
  readonly now: number
}): string => {
  const bucket = Buffer.alloc(BUCKET_BYTES)
  bucket.writeUIntBE(bucketAt(options.now), 0, BUCKET_BYTES)
  // 22 bytes give 30 characters of base64url.
  return Buffer.concat([bucket, seal(options.secret, options.purpose, bucket)]).toString('base64url')
}

/** `secrets`: the current one and those that were current before it. `ageSeconds`: how old a nonce may be. */
export const verifyNonce = (options: {
  readonly secrets: readonly Uint8Array[]
  readonly purpose: NoncePurpose
  readonly nonce: string
  readonly now: number
  readonly ageSeconds?: number
}): boolean => {
  if (!FORM.test(options.nonce)) return false
  const bytes = Buffer.from(options.nonce, 'base64url')
  if (bytes.toString('base64url') !== options.nonce) return false
  const bucket = bytes.subarray(0, BUCKET_BYTES)
  const age = bucketAt(options.now) - bucket.readUIntBE(0, BUCKET_BYTES)
  // One bucket ahead: two nodes whose clocks differ by seconds still understand each other.
  if (age < -1 || age > Math.ceil((options.ageSeconds ?? 300) / BUCKET_SECONDS)) return false
  const mac = bytes.subarray(BUCKET_BYTES)
  return options.secrets.some((secret) => timingSafeEqual(mac, seal(secret, options.purpose, bucket)))
}
