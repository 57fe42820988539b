import { refused } from './errors.ts'

const ALPHABET = /^[A-Za-z0-9_-]*$/

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const toBase64url = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64url')

/**
 * Strict decoding: one text for one value. Padding, white space, the other alphabet and non-zero trailing bits
 * are refused (RFC 7515 section 2, RFC 4648 section 3.5).
 */
export const fromBase64url = (text: string): Uint8Array => {
  if (!ALPHABET.test(text) || text.length % 4 === 1)
    throw refused('base64url_invalid', 'Not base64url.', { status: 400 })
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) {
    throw refused('base64url_invalid', 'Not the canonical base64url form.', { status: 400 })
  }
  return bytes
}
