/** Checkpoints of this log: C2SP signed notes made from a root and the signature that lies in a frame. */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { bug, refused } from '@credence/kit'
import {
  createNoteVerifier,
  formatNote,
  formatVerifierKey,
  isKeyName,
  type NoteVerifier,
  parseVerifierKey,
  verifyCheckpoint,
} from '@credence/protocol/c2sp'
import type { LedgerSigner } from './options.ts'
import { hashString } from './tree/hash.ts'

export interface TreeHead {
  readonly size: number
  readonly root: string
}

/** What verifies and names the checkpoints of one log. */
export interface CheckpointKey {
  readonly origin: string
  readonly verifierKey: string
  /** tlog-checkpoint: the text that is signed; we write no extension lines. */
  body(head: TreeHead): string
  note(head: TreeHead, signature: Uint8Array): string
  verify(head: TreeHead, signature: Uint8Array): boolean
  /** Throws `refused` when the note is not a good checkpoint of this log and key. */
  open(note: string): TreeHead
}

const latin1ToBase64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64')

export const checkpointKey = (origin: string, publicKey: KeyObject): CheckpointKey => {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw bug('ledger_key_type', 'the key of a ledger is Ed25519')
  if (!isKeyName(origin)) throw bug('ledger_origin', `not a name for a log: ${JSON.stringify(origin)}`)
  const verifier = createNoteVerifier(origin, publicKey)
  const body = ({ size, root }: TreeHead): string => `${origin}\n${size}\n${latin1ToBase64(root)}\n`
  return {
    origin,
    verifierKey: formatVerifierKey(verifier),
    body,
    note: (head, signature) =>
      formatNote({ text: body(head), signatures: [{ name: origin, keyId: verifier.keyId, signature }] }),
    verify: (head, signature) => verify(null, Buffer.from(body(head), 'utf8'), publicKey, signature),
    open: (note) => openNote(note, verifier),
  }
}

const openNote = (note: string, verifier: NoteVerifier): TreeHead => {
  if (!note.startsWith(`${verifier.name}\n`)) {
    throw refused('checkpoint_other_origin', 'The checkpoint is of another log.')
  }
  const { size, root, extensions } = verifyCheckpoint(note, verifier)
  if (extensions.length > 0) throw refused('checkpoint_extended', 'The checkpoint says more than this log ever says.')
  return { size, root: hashString(root) }
}

/** The public key of a log as an auditor has it: the key itself, or a C2SP verifier key. */
export const toVerifier = (key: KeyObject | string): { publicKey: KeyObject; origin: string | undefined } => {
  if (typeof key !== 'string') return { publicKey: key, origin: undefined }
  const { name, publicKey } = parseVerifierKey(key.trim())
  return { publicKey, origin: name }
}

export const toSigner = (signer: KeyObject | LedgerSigner): LedgerSigner =>
  'sign' in signer ? signer : { publicKey: createPublicKey(signer), sign: (message) => sign(null, message, signer) }
