/** C2SP tlog-checkpoint: origin, size and root of a log, as the text of a signed note. */
import type { KeyObject } from 'node:crypto'
import { refused } from '@credence/kit'
import { HASH_BYTES } from '../rfc9162/index.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { signNote, verifyNote } from './note.ts'
import type { NoteVerifier } from './note-key.ts'

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

/** That a witness saw this checkpoint and nothing newer, at a time of its clock. */
export interface Witnessing {
  readonly witness: NoteVerifier
  /** Seconds since the epoch. */
  readonly time: number
}

export interface VerifiedCheckpoint extends Checkpoint {
  /** Those of the known witnesses that cosigned. */
  readonly witnessed: readonly Witnessing[]
}

/** INVARIANT: the log itself must have signed; witnesses alone are not enough. */
export const verifyCheckpoint = (
  note: string,
  log: NoteVerifier,
  witnesses: readonly NoteVerifier[] = [],
): VerifiedCheckpoint => {
  const { text, signed } = verifyNote(note, [log, ...witnesses])
  const checkpoint = parseCheckpoint(text)
  if (!signed.has(log) || checkpoint.origin !== log.name) {
    throw refused('checkpoint_unsigned', 'The log has not signed this checkpoint.', { status: 400 })
  }
  const witnessed = [...signed].flatMap(([witness, { time }]) => (time === undefined ? [] : [{ witness, time }]))
  return { ...checkpoint, witnessed }
}
