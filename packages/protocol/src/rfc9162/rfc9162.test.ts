import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { readVectors } from '../testing/vectors.ts'
import { appendLeaf, emptyRange, leafHash, nodeHash, rangeRoot, verifyConsistency, verifyInclusion } from './index.ts'

const Bytes = z
  .string()
  .nullable()
  .transform((text) => Buffer.from(text ?? '', 'base64'))
const Proof = z
  .array(Bytes)
  .nullable()
  .transform((hashes) => hashes ?? [])
const Case = { name: z.string(), desc: z.string(), wantErr: z.boolean(), proof: Proof }
const Inclusion = z.array(
  z.object({ ...Case, leafIdx: z.number(), treeSize: z.number(), root: Bytes, leafHash: Bytes }),
)
const Consistency = z.array(z.object({ ...Case, size1: z.number(), size2: z.number(), root1: Bytes, root2: Bytes }))

const inclusion = readVectors('merkle/inclusion.json')
test('inclusion proofs of others', { skip: inclusion === undefined ? 'vectors missing' : false }, () => {
  for (const { leafIdx, treeSize, root, leafHash: leaf, proof, wantErr, name } of Inclusion.parse(inclusion)) {
    assert.equal(verifyInclusion({ index: leafIdx, size: treeSize, leaf, root, proof }), !wantErr, name)
  }
})

const consistency = readVectors('merkle/consistency.json')
test('consistency proofs of others', { skip: consistency === undefined ? 'vectors missing' : false }, () => {
  for (const { size1, size2, root1, root2, proof, wantErr, name } of Consistency.parse(consistency)) {
    // One vector accepts two equal texts that are not hashes as roots; a root of another length than 32 bytes is refused here.
    const want = !wantErr && root1.length === 32
    assert.equal(verifyConsistency({ size1, size2, root1, root2, proof }), want, name)
  }
})

/** RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1, straight from the definitions. */
const split = (size: number): number => 2 ** Math.floor(Math.log2(size - 1))
const root = (leaves: readonly Uint8Array[]): Uint8Array => {
  const [only] = leaves
  if (leaves.length === 1 && only !== undefined) return only
  return nodeHash(root(leaves.slice(0, split(leaves.length))), root(leaves.slice(split(leaves.length))))
}
const path = (index: number, leaves: readonly Uint8Array[]): Uint8Array[] => {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return index < k
    ? [...path(index, leaves.slice(0, k)), root(leaves.slice(k))]
    : [...path(index - k, leaves.slice(k)), root(leaves.slice(0, k))]
}
const subproof = (m: number, leaves: readonly Uint8Array[], whole: boolean): Uint8Array[] => {
  if (m === leaves.length) return whole ? [] : [root(leaves)]
  const k = split(leaves.length)
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), whole), root(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))]
}
const leavesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)))

test('for every tree up to 40 leaves: right proofs hold, the range has the root, changed ones fall', () => {
  let range = emptyRange()
  for (let size = 1; size <= 40; size++) {
    const leaves = leavesOf(size)
    const whole = root(leaves)
    range = appendLeaf(range, leafHash(Buffer.from(`leaf ${size - 1}`)))
    assert.deepEqual(rangeRoot(range), whole)
    leaves.forEach((leaf, index) => {
      const proof = path(index, leaves)
      assert.ok(verifyInclusion({ index, size, leaf, root: whole, proof }))
      assert.ok(!verifyInclusion({ index: index + size, size, leaf, root: whole, proof }))
      assert.ok(!verifyInclusion({ index, size, leaf, root: whole, proof: [...proof, whole] }))
      if (size > 1) assert.ok(!verifyInclusion({ index, size, leaf, root: whole, proof: proof.slice(1) }))
      const size1 = index + 1
      const root1 = root(leaves.slice(0, size1))
      const steps = subproof(size1, leaves, true)
      assert.ok(verifyConsistency({ size1, size2: size, root1, root2: whole, proof: steps }))
      assert.ok(!verifyConsistency({ size1, size2: size, root1: leaf, root2: root1, proof: [...steps, leaf] }))
    })
  }
})

test('sizes and hashes of any kind give an answer, never an exception', () => {
  const bytes = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(fc.double(), fc.double(), bytes, bytes, fc.array(bytes, { maxLength: 70 }), (a, b, x, y, proof) => {
      assert.equal(verifyInclusion({ index: a, size: b, leaf: x, root: y, proof }), false)
      assert.equal(verifyConsistency({ size1: a, size2: b, root1: x, root2: y, proof }), false)
    }),
  )
  assert.ok(
    !verifyConsistency({ size1: 0, size2: 5, root1: rangeRoot(emptyRange()), root2: Buffer.alloc(32), proof: [] }),
  )
})
