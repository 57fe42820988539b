/** Inclusion and consistency proofs of RFC 9162, right ones and wrong ones. */
import assert from 'node:assert/strict'
import { verifyConsistency, verifyInclusion } from '@credence/protocol/rfc9162'
import { attempt, type Suite } from '../suite.ts'
import { readVector, vectorSuite } from '../vectors.ts'

interface Proof {
  readonly name: string
  readonly wantErr: boolean
  readonly proof: readonly string[] | null
}
interface Inclusion extends Proof {
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string | null
  readonly leafHash: string | null
}
interface Consistency extends Proof {
  readonly size1: number
  readonly size2: number
  readonly root1: string | null
  readonly root2: string | null
}

const bytes = (text: string | null): Uint8Array => Buffer.from(text ?? '', 'base64')
const hashes = (proof: Proof['proof']): Uint8Array[] => (proof ?? []).map(bytes)

export const merkle: Suite = vectorSuite(
  {
    name: 'merkle',
    about: 'RFC 9162 vectors: inclusion and consistency proofs',
    run: async (report) => {
      for (const one of JSON.parse(readVector('merkle/inclusion.json')) as Inclusion[]) {
        const { leafIdx: index, treeSize: size, root, leafHash, proof } = one
        const holds = verifyInclusion({ index, size, leaf: bytes(leafHash), root: bytes(root), proof: hashes(proof) })
        await attempt(report, `inclusion/${one.name}`, () => assert.equal(holds, !one.wantErr))
      }
      for (const one of JSON.parse(readVector('merkle/consistency.json')) as Consistency[]) {
        const { size1, size2, root1, root2, proof } = one
        const roots = { root1: bytes(root1), root2: bytes(root2) }
        const holds = verifyConsistency({ size1, size2, ...roots, proof: hashes(proof) })
        await attempt(report, `consistency/${one.name}`, () => assert.equal(holds, !one.wantErr))
      }
    },
  },
  'merkle/',
)
