/** C2SP tlog-witness v1.0.0, add-checkpoint: what a log asks of a witness and what comes back, as texts. */
import { refused } from '@credence/kit'
import { emptyRoot, equalHashes, HASH_BYTES, verifyConsistency } from '../rfc9162/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { formatSignature, type NoteSignature, parseSignature } from './note.ts'

export interface AddCheckpoint {
  /** Size of the checkpoint that the witness is believed to have cosigned last; 0: none. */
  readonly oldSize: number
  /** RFC 9162 consistency proof from `oldSize` to the checkpoint's size; empty when `oldSize` is 0. */
  readonly proof: readonly Uint8Array[]
  /** The signed checkpoint. */
  readonly checkpoint: string
}

/** > The client MUST NOT send more than 63 consistency proof lines. */
const MOST_HASHES = 63
export const ADD_CHECKPOINT_BYTES = 65_536
/** Media type of the answer 409, which holds the size that the witness knows. */
export const SIZE_TYPE = 'text/x.tlog.size'

const SIZE = /^(0|[1-9][0-9]{0,15})$/

const malformed = (message: string) => refused('add_checkpoint_malformed', message, { status: 400 })

export const parseSize = (text: string): number => {
  const size = Number(text)
  if (!SIZE.test(text) || !Number.isSafeInteger(size))
    throw malformed('A size is a decimal number without leading zeroes.')
  return size
}

const parseHash = (line: string): Uint8Array => {
  const hash = fromBase64(line)
  if (hash?.length !== HASH_BYTES) throw malformed('A line of the proof is not one hash in base64.')
  return hash
}

export const formatAddCheckpoint = ({ oldSize, proof, checkpoint }: AddCheckpoint): string =>
  `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`

/** The checkpoint's own lines and signatures are not looked at here. */
export const parseAddCheckpoint = (body: string): AddCheckpoint => {
  const border = body.indexOf('\n\n')
  if (border < 0 || body.length > ADD_CHECKPOINT_BYTES)
    throw malformed('The request has no checkpoint, or is too long.')
  const [old = '', ...lines] = body.slice(0, border).split('\n')
  if (!old.startsWith('old ')) throw malformed('The first line is not `old` and a size.')
  if (lines.length > MOST_HASHES) throw malformed('The proof has more than 63 lines.')
  return { oldSize: parseSize(old.slice(4)), proof: lines.map(parseHash), checkpoint: body.slice(border + 2) }
}

interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/**
 * Whether `head` only appends to what the witness cosigned last (absent: nothing), as the proof of the request shows.
 * > If the old size is zero, the consistency proof MUST be empty. A checkpoint of size zero MUST have the root hash of the
 * > empty tree. If the old size matches the checkpoint size, the root hashes are identical.
 */
export const onlyAppends = (
  { oldSize, proof }: Pick<AddCheckpoint, 'oldSize' | 'proof'>,
  head: TreeHead,
  latest: TreeHead | undefined,
): boolean => {
  if (oldSize !== (latest?.size ?? 0)) return false
  if (head.size === 0 && !equalHashes(head.root, emptyRoot())) return false
  if (oldSize === 0 || latest === undefined) return proof.length === 0
  return verifyConsistency({ size1: oldSize, size2: head.size, root1: latest.root, root2: head.root, proof })
}

/** Signature lines of the answer 200. */
export const formatCosignatures = (signatures: readonly NoteSignature[]): string =>
  signatures.map(formatSignature).join('')

export const parseCosignatures = (body: string): readonly NoteSignature[] => {
  if (!body.endsWith('\n') || body.length > ADD_CHECKPOINT_BYTES)
    throw malformed('The witness sent no signature lines.')
  return body.slice(0, -1).split('\n').map(parseSignature)
}
