/** Salted commitments: a leaf shows that something was said, and only who holds salt and value can show what. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { bug, type Random, toBase64url } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'

const SALT_BYTES = 16

export const newSalt = (random: Random): Uint8Array => random.bytes(SALT_BYTES)

/** base64url(HMAC-SHA-256(salt, RFC 8785 text of the value)). The salt is kept with the body and goes with it. */
export const commit = (salt: Uint8Array, value: unknown): string => {
  if (salt.length < SALT_BYTES) throw bug('commitment_salt', 'a salt has at least 16 bytes')
  return toBase64url(createHmac('sha256', salt).update(canonicalize(value), 'utf8').digest())
}

export const opens = (commitment: string, salt: Uint8Array, value: unknown): boolean => {
  const expected = Buffer.from(commit(salt, value), 'latin1')
  const given = Buffer.from(commitment, 'latin1')
  return expected.length === given.length && timingSafeEqual(expected, given)
}
