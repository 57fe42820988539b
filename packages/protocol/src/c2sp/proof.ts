/** C2SP tlog-proof (v1 as on the main branch of November 2026): one text that shows offline that an entry is in a log. */
import { refused } from '@credence/kit'
import { HASH_BYTES, leafHash, verifyInclusion } from '../rfc9162/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import type { NoteVerifier } from './note-key.ts'

export interface TlogProof {
  readonly index: number
  /** Sibling hashes from the leaf to the root. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint, with whatever cosignatures it has. */
  readonly checkpoint: string
  /** > Applications MUST NOT implicitly trust the extra data, as it is not authenticated. */
  readonly extra?: Uint8Array
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1'
const MOST_HASHES = 63
const MOST_BYTES = 1_048_576

const malformed = (message: string) => refused('tlog_proof_malformed', message, { status: 400 })

export const formatTlogProof = ({ index, proof, checkpoint, extra }: TlogProof): string =>
  [
    FIRST_LINE,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...proof.map(toBase64),
    '',
    checkpoint,
  ].join('\n')

const extraOf = (line: string): Uint8Array => {
  const bytes = fromBase64(line.slice('extra '.length))
  if (bytes === undefined) throw malformed('The extra data is not base64.')
  return bytes
}

const indexOf = (line: string | undefined): number => {
  const text = /^index (0|[1-9][0-9]{0,15})$/.exec(line ?? '')?.[1]
  const index = Number(text)
  if (text === undefined || !Number.isSafeInteger(index)) throw malformed('There is no line `index` with a number.')
  return index
}

const hashOf = (line: string): Uint8Array => {
  const hash = fromBase64(line)
  if (hash?.length !== HASH_BYTES) throw malformed('A line of the proof is not one hash in base64.')
  return hash
}

/** Nothing is verified yet. */
export const parseTlogProof = (text: string): TlogProof => {
  const border = text.indexOf('\n\n')
  if (border < 0 || text.length > MOST_BYTES) throw malformed('The proof has no checkpoint, or is too long.')
  const lines = text.slice(0, border).split('\n')
  if (lines.shift() !== FIRST_LINE) throw malformed(`The first line is not ${FIRST_LINE}.`)
  const extra = lines[0]?.startsWith('extra ') ? extraOf(lines.shift() ?? '') : undefined
  const index = indexOf(lines.shift())
  if (lines.length > MOST_HASHES) throw malformed('The proof has more than 63 hashes.')
  const proof = lines.map(hashOf)
  return { index, proof, checkpoint: text.slice(border + 2), ...(extra === undefined ? {} : { extra }) }
}

/** Throws `refused` when the entry is not at that place of the log that signed; says which witnesses cosigned. */
export const verifyTlogProof = (
  { index, proof, checkpoint }: TlogProof,
  entry: Uint8Array,
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): VerifiedCheckpoint => {
  const verified = verifyCheckpoint(checkpoint, log, witnesses)
  const { size, root } = verified
  if (!verifyInclusion({ index, size, leaf: leafHash(entry), root, proof })) {
    throw refused('not_included', 'The proof does not lead from this entry to the signed root.', { status: 422 })
  }
  return verified
}
