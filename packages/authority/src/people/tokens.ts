/**
 * Small tokens of our own: keyed hashes for forms and challenges, sealed values for cookies, hashes for what is stored.
 * Each use has its own key, derived from the front's secret by name, so that a value made for one is nothing for another.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { fromBase64url, type Random, toBase64url } from '@credence/kit'

export type Purpose = 'csrf' | 'challenge' | 'upstream' | 'cookie'

export interface FrontSecrets {
  readonly secrets: readonly [Uint8Array, ...Uint8Array[]]
}

const derive = (secret: Uint8Array, purpose: Purpose): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), `credence front ${purpose}`, 32))

/** What is stored instead of a code, a cookie or a link. They have at least 128 random bits, so a plain hash is enough. */
export const handleHash = (handle: string): string => createHash('sha256').update(handle).digest('base64url')

/** Fields are joined with their lengths, so that no two lists of fields give the same text. */
const framed = (fields: readonly string[]): string => fields.map((field) => `${field.length}:${field}`).join('')

const keyed = (secret: Uint8Array, purpose: Purpose, fields: readonly string[]): Buffer =>
  createHmac('sha256', derive(secret, purpose)).update(framed(fields)).digest()

export const keyedHash = (front: FrontSecrets, purpose: Purpose, ...fields: readonly string[]): string =>
  toBase64url(keyed(front.secrets[0], purpose, fields))

/** Constant time; older secrets are still accepted. */
export const isKeyedHash = (
  front: FrontSecrets,
  purpose: Purpose,
  presented: string,
  ...fields: readonly string[]
): boolean => {
  const bytes = Buffer.from(presented, 'base64url')
  return front.secrets.some((secret) => {
    const expected = keyed(secret, purpose, fields)
    return bytes.length === expected.length && timingSafeEqual(bytes, expected)
  })
}

/** AES-256-GCM: iv, tag, text. */
export const seal = (front: FrontSecrets, random: Random, purpose: Purpose, value: unknown): string => {
  const iv = random.bytes(12)
  const cipher = createCipheriv('aes-256-gcm', derive(front.secrets[0], purpose), iv)
  const sealed = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
  return toBase64url(Buffer.concat([iv, cipher.getAuthTag(), sealed]))
}

const openWith = (secret: Uint8Array, purpose: Purpose, bytes: Uint8Array): string | undefined => {
  try {
    const decipher = createDecipheriv('aes-256-gcm', derive(secret, purpose), bytes.subarray(0, 12), {
      authTagLength: 16,
    })
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

/** Undefined for anything that we did not seal for exactly this purpose. */
export const unseal = (front: FrontSecrets, purpose: Purpose, text: string): unknown => {
  let bytes: Uint8Array
  try {
    bytes = fromBase64url(text)
  } catch {
    return undefined
  }
  if (bytes.length < 29) return undefined
  for (const secret of front.secrets) {
    const opened = openWith(secret, purpose, bytes)
    if (opened !== undefined) return JSON.parse(opened)
  }
  return undefined
}
