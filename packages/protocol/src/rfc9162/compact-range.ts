/**
 * The roots of the full subtrees that a tree of `size` leaves is made of, largest first: all that is needed to append
 * a leaf and to know the root.
 */
import { emptyRoot, nodeHash } from './hash.ts'

export interface CompactRange {
  readonly size: number
  /** INVARIANT: as many hashes as `size` has one-bits. */
  readonly hashes: readonly Uint8Array[]
}

export const emptyRange = (): CompactRange => ({ size: 0, hashes: [] })

/** Merges with each full subtree of equal size, from the right. */
export const appendLeaf = (range: CompactRange, leaf: Uint8Array): CompactRange => {
  const hashes = [...range.hashes]
  let merged = leaf
  for (let rest = range.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = hashes.pop()
    if (left === undefined) throw new RangeError('The range has fewer hashes than its size needs.')
    merged = nodeHash(left, merged)
  }
  hashes.push(merged)
  return { size: range.size + 1, hashes }
}

/** RFC 9162 section 2.1.1: the root of the tree. */
export const rangeRoot = (range: CompactRange): Uint8Array => {
  const [last, ...larger] = [...range.hashes].reverse()
  if (last === undefined) return emptyRoot()
  return larger.reduce((root, left) => nodeHash(left, root), last)
}
