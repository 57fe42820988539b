/**
 * One record that can be shown to anybody: a C2SP tlog-proof whose extra line holds the entry itself. Who has the key of
 * the ledger checks it offline, without the ledger and without us.
 */
import { refused } from '@credence/kit'
import { type JudgeOptions, judgeWitnesses, type Witnessed } from '@credence/ledger/witness'
import type { LedgerRecord } from '@credence/model'
import {
  formatTlogProof,
  type NoteVerifier,
  parseTlogProof,
  parseVerifierKey,
  verifyTlogProof,
} from '@credence/protocol/c2sp'
import { decodeRecord } from './record.ts'

/** Answer of `GET /v1/audit/proof/:index`. */
export interface RecordProof {
  readonly index: number
  readonly treeSize: number
  /** base64url. */
  readonly entry: string
  /** base64url, from the leaf's sibling up. */
  readonly hashes: readonly string[]
  readonly checkpoint: string
}

export interface ProofVerdict {
  /** The entry is in the ledger that signed, byte for byte; anything less throws. */
  readonly sound: true
  readonly index: number
  /** Entries that the ledger had when it signed. */
  readonly size: number
  readonly origin: string
  readonly record: LedgerRecord
  readonly witnessed: Witnessed | 'unwitnessed'
}

const bytes = (base64url: string): Uint8Array => Buffer.from(base64url, 'base64url')

export const toProofFile = ({ index, entry, hashes, checkpoint }: RecordProof): string =>
  formatTlogProof({ index, proof: hashes.map(bytes), checkpoint, extra: bytes(entry) })

const judged = (
  checkpoint: string,
  log: NoteVerifier,
  witnesses: JudgeOptions | undefined,
): ProofVerdict['witnessed'] => {
  if (witnesses === undefined) return 'unwitnessed'
  const found = judgeWitnesses(checkpoint, log, witnesses)
  return found.by.length === 0 ? 'unwitnessed' : found
}

/**
 * `key`: the C2SP verifier key of the ledger. Throws `refused`: malformed, signed by another key, not included, not a record.
 * INVARIANT: the extra line is believed only because its hash leads to the signed root.
 */
export const verifyProofFile = (text: string, key: string, witnesses?: JudgeOptions): ProofVerdict => {
  const log = parseVerifierKey(key.trim())
  const proof = parseTlogProof(text)
  if (proof.extra === undefined)
    throw refused('proof_without_entry', 'The proof does not hold the record (no line `extra`).')
  const { size, origin } = verifyTlogProof(proof, proof.extra, log)
  const witnessed = judged(proof.checkpoint, log, witnesses)
  return { sound: true, index: proof.index, size, origin, record: decodeRecord(proof.extra), witnessed }
}
