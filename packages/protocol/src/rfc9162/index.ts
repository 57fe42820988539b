/** RFC 9162: the Merkle tree of a transparency log. Hashes and verification; making proofs is the log's work. */
export { appendLeaf, type CompactRange, emptyRange, rangeRoot } from './compact-range.ts'
export { emptyRoot, equalHashes, HASH_BYTES, leafHash, nodeHash } from './hash.ts'
export { type ConsistencyProof, type InclusionProof, verifyConsistency, verifyInclusion } from './proofs.ts'
