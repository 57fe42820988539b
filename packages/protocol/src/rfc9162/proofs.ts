/**
 * RFC 9162 sections 2.1.3.2 and 2.1.4.2: verifying inclusion and consistency proofs. Every function answers true or
 * false, whatever it is given; sizes are integers up to 2^53 - 1.
 *
 * NOTE: A consistency proof from size 0 proves nothing and is false here, as the RFC defines proofs for 0 < m <= n only.
 */
import { equalHashes, HASH_BYTES, nodeHash } from './hash.ts'

const MAXIMUM_PROOF = 64

const isIndex = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isProof = (proof: readonly Uint8Array[]): boolean =>
  proof.length <= MAXIMUM_PROOF && proof.every((hash) => hash.length === HASH_BYTES)

const isOdd = (value: number): boolean => value % 2 === 1
const half = (value: number): number => Math.floor(value / 2)

export interface InclusionProof {
  readonly index: number
  readonly size: number
  readonly leaf: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** RFC 9162 section 2.1.3.2, steps 1 to 6. */
export const verifyInclusion = ({ index, size, leaf, root, proof }: InclusionProof): boolean => {
  if (!isIndex(index) || !isIndex(size) || index >= size || leaf.length !== HASH_BYTES || !isProof(proof)) return false
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const sibling of proof) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(sibling, r)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      r = nodeHash(r, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && equalHashes(r, root)
}

export interface ConsistencyProof {
  readonly size1: number
  readonly size2: number
  readonly root1: Uint8Array
  readonly root2: Uint8Array
  readonly proof: readonly Uint8Array[]
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value)) && 2 ** Math.log2(value) === value

/** RFC 9162 section 2.1.4.2. Equal sizes need equal roots and an empty proof. */
export const verifyConsistency = ({ size1, size2, root1, root2, proof }: ConsistencyProof): boolean => {
  if (!isIndex(size1) || !isIndex(size2) || size1 === 0 || size1 > size2 || !isProof(proof)) return false
  if (size1 === size2) return proof.length === 0 && equalHashes(root1, root2)
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof
  const [first, ...rest] = path
  if (first === undefined || proof.length === 0) return false
  return foldConsistency(size1, size2, first, rest, root1, root2)
}

const foldConsistency = (
  size1: number,
  size2: number,
  first: Uint8Array,
  rest: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean => {
  let fn = size1 - 1
  let sn = size2 - 1
  while (isOdd(fn)) {
    fn = half(fn)
    sn = half(sn)
  }
  let fr = first
  let sr = first
  for (const c of rest) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(c, fr)
      sr = nodeHash(c, sr)
      while (!isOdd(fn) && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      sr = nodeHash(sr, c)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && equalHashes(fr, root1) && equalHashes(sr, root2)
}
