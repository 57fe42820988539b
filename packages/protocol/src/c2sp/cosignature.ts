/** C2SP tlog-cosignature, Ed25519 (type 0x04): a witness says when it saw that a checkpoint only appends. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { refused } from '@credence/kit'
import type { NoteSignature } from './note.ts'
import { cosignedMessage, createWitnessVerifier } from './note-key.ts'

export interface Cosigner {
  readonly name: string
  /** INVARIANT: used for nothing else; the signed message does not name the cosigner. */
  readonly privateKey: KeyObject
}

/** `text`: the checkpoint without signatures, ending in a newline. `time`: seconds since the epoch, above zero. */
export const cosign = (text: string, { name, privateKey }: Cosigner, time: number): NoteSignature => {
  if (!Number.isSafeInteger(time) || time <= 0) {
    throw refused('cosignature_time', 'A cosignature needs the time in whole seconds.', { status: 400 })
  }
  const { keyId } = createWitnessVerifier(name, createPublicKey(privateKey))
  const stamp = Buffer.alloc(8)
  stamp.writeBigUInt64BE(BigInt(time))
  const signature = Buffer.concat([stamp, sign(null, cosignedMessage(text, time), privateKey)])
  return { name, keyId, signature }
}
