/** RFC 9162 section 2.1.1: leaf and node hashes, domain-separated so that one can never pass for the other. */
import { createHash, hash } from 'node:crypto'

export const HASH_BYTES = 32

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

/** SHA-256(0x00 || entry) */
export const leafHash = (entry: Uint8Array): Uint8Array => createHash('sha256').update(LEAF).update(entry).digest()

/** SHA-256(0x01 || left || right) */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  createHash('sha256').update(NODE).update(left).update(right).digest()

/** > The hash of an empty list is the hash of an empty string. */
export const emptyRoot = (): Uint8Array => hash('sha256', '', 'buffer')

export const equalHashes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === HASH_BYTES && Buffer.compare(a, b) === 0
