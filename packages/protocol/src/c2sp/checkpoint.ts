/** C2SP tlog-checkpoint: origin, size and root of a log, as the text of a signed note. */
import type { KeyObject } from 'node:crypto'
import { refused } from '@credence/kit'
import { HASH_BYTES } from '../rfc9162/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { type NoteVerifier, signNote, verifyNote } from './note.ts'

export interface Checkpoint {
  /** Names the log; also the key name of the log's own signature. */
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** Lines after the root; their meaning is the log's own. */
  readonly extensions: readonly string[]
}

const malformed = (message: string) => refused('checkpoint_malformed', message, { status: 400 })

export const formatCheckpoint = (checkpoint: Checkpoint): string => {
  const lines = [checkpoint.origin, String(checkpoint.size), toBase64(checkpoint.root), ...checkpoint.extensions]
  if (lines.some((line) => line === '' || line.includes('\n'))) throw malformed('A line is empty or has a newline.')
  return `${lines.join('\n')}\n`
}

/** The text of a note that was verified already. */
export const parseCheckpoint = (text: string): Checkpoint => {
  if (!text.endsWith('\n')) throw malformed('The checkpoint does not end in a newline.')
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  if (origin === '' || !/^(0|[1-9][0-9]{0,15})$/.test(size) || extensions.includes('')) {
    throw malformed('The checkpoint is malformed.')
  }
  const bytes = fromBase64(root)
  const count = Number(size)
  if (!Number.isSafeInteger(count) || bytes?.length !== HASH_BYTES) throw malformed('The checkpoint is malformed.')
  return { origin, size: count, root: bytes, extensions }
}

export const signCheckpoint = (checkpoint: Checkpoint, privateKey: KeyObject): string =>
  signNote(formatCheckpoint(checkpoint), { name: checkpoint.origin, privateKey })

export interface VerifiedCheckpoint extends Checkpoint {
  /** Names of the known keys that signed, the log's own among them. */
  readonly signers: readonly string[]
}

/** INVARIANT: the log itself must have signed; witnesses alone are not enough. */
export const verifyCheckpoint = (
  note: string,
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): VerifiedCheckpoint => {
  const { text, signers } = verifyNote(note, [log, ...witnesses])
  const checkpoint = parseCheckpoint(text)
  if (!signers.includes(log.name) || checkpoint.origin !== log.name) {
    throw refused('checkpoint_unsigned', 'The log has not signed this checkpoint.', { status: 400 })
  }
  return { ...checkpoint, signers }
}
