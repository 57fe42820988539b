/**
 * Identifiers: a prefix that names the kind, then 128 random bits in base64url (22 characters). Branded, so that an
 * agent's id cannot be passed where a grant's is wanted. Never reused, never derived from a name.
 */
import { toBase64url } from './base64url.ts'
import type { Random } from './deps.ts'

declare const ID: unique symbol
export type Id<Prefix extends string> = `${Prefix}_${string}` & { readonly [ID]: Prefix }

const RANDOM_PART = /^[A-Za-z0-9_-]{22}$/

export const newId = <Prefix extends string>(prefix: Prefix, random: Random): Id<Prefix> =>
  `${prefix}_${toBase64url(random.bytes(16))}` as Id<Prefix>

export const isId = <Prefix extends string>(prefix: Prefix, text: unknown): text is Id<Prefix> =>
  typeof text === 'string' && text.startsWith(`${prefix}_`) && RANDOM_PART.test(text.slice(prefix.length + 1))
