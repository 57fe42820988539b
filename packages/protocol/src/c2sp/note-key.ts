/** C2SP signed-note, "Signature types" and "Verifier keys": who can sign a note, and how such a key is written down. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { refused } from '@credence/kit'
import { fromBase64, toBase64 } from './base64.ts'

/** 0x01: the note itself, by its author. 0x04: a timestamped cosignature of a checkpoint, by a witness. */
export type SignatureType = 0x01 | 0x04

/** What a good signature says besides that it is good. */
export interface SignatureFacts {
  /** Seconds since the epoch, of a cosignature: the witness had seen nothing newer than this checkpoint then. */
  readonly time?: number
}

/** Who can sign a note: a name (by convention a URL without scheme), an Ed25519 key and what it signs. */
export interface NoteVerifier {
  readonly name: string
  readonly type: SignatureType
  /** The first four bytes of SHA-256(name || 0x0A || type || key), as an unsigned number. */
  readonly keyId: number
  readonly publicKey: KeyObject
  /** Undefined when the signature is not good for this text. */
  verify(text: string, signature: Uint8Array): SignatureFacts | undefined
}

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

const malformed = (message: string) => refused('note_malformed', message, { status: 400 })

/** > The key name MUST be non-empty and not contain any Unicode spaces or plus characters. */
export const isKeyName = (name: string): boolean =>
  name.length > 0 && name.length <= 256 && !/[\s+\p{White_Space}]/u.test(name) && !/\p{Cc}/u.test(name)

const rawPublicKey = (publicKey: KeyObject): Uint8Array => {
  const { x } = publicKey.export({ format: 'jwk' })
  if (publicKey.asymmetricKeyType !== 'ed25519' || typeof x !== 'string') throw malformed('Not an Ed25519 key.')
  return Buffer.from(x, 'base64url')
}

/** > key ID = SHA-256(key name || 0x0A || signature type || public key)[:4] */
const keyIdOf = (name: string, type: SignatureType, raw: Uint8Array): number =>
  createHash('sha256').update(`${name}\n`).update(Uint8Array.of(type)).update(raw).digest().readUInt32BE(0)

const verifierOf = (
  type: SignatureType,
  check: (publicKey: KeyObject) => NoteVerifier['verify'],
  name: string,
  publicKey: KeyObject,
): NoteVerifier => {
  if (!isKeyName(name)) throw malformed('Not a key name.')
  return { name, type, keyId: keyIdOf(name, type, rawPublicKey(publicKey)), publicKey, verify: check(publicKey) }
}

const verifyPlain =
  (publicKey: KeyObject): NoteVerifier['verify'] =>
  (text, signature) =>
    signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), publicKey, signature) ? {} : undefined

export const createNoteVerifier = (name: string, publicKey: KeyObject): NoteVerifier =>
  verifierOf(0x01, verifyPlain, name, publicKey)

/** tlog-cosignature, "Ed25519 signed message": a header line and a time line before the whole checkpoint. */
export const cosignedMessage = (text: string, time: number | bigint): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)

/** The end of the year 9999: the last time that can be written down. */
const LATEST = 253_402_300_799n

/** > `timestamped_signature`: u64 timestamp, 64 bytes of Ed25519. */
const verifyTimestamped =
  (publicKey: KeyObject): NoteVerifier['verify'] =>
  (text, signature) => {
    if (signature.length !== 8 + SIGNATURE_BYTES) return undefined
    const bytes = Buffer.from(signature)
    const time = bytes.readBigUInt64BE(0)
    if (time === 0n || time > LATEST) return undefined
    return verify(null, cosignedMessage(text, time), publicKey, bytes.subarray(8)) ? { time: Number(time) } : undefined
  }

/** A witness: its signatures are cosignatures of checkpoints, and nothing else that it signs counts as one. */
export const createWitnessVerifier = (name: string, publicKey: KeyObject): NoteVerifier =>
  verifierOf(0x04, verifyTimestamped, name, publicKey)

/** The same key, whatever it is called and whatever it signs. */
export const isSameKey = (a: NoteVerifier, b: NoteVerifier): boolean => a.publicKey.equals(b.publicKey)

/** `<name>+<key id, 8 hex digits>+<base64(type || key)>` */
export const formatVerifierKey = (verifier: NoteVerifier): string => {
  const id = verifier.keyId.toString(16).padStart(8, '0')
  const material = Buffer.concat([Uint8Array.of(verifier.type), rawPublicKey(verifier.publicKey)])
  return `${verifier.name}+${id}+${toBase64(material)}`
}

const parseKey = (
  text: string,
  type: SignatureType,
  create: (name: string, publicKey: KeyObject) => NoteVerifier,
): NoteVerifier => {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text)
  const [, name = '', id = '', encoded = ''] = match ?? []
  const bytes = fromBase64(encoded)
  if (bytes === undefined || bytes.length !== KEY_BYTES + 1 || bytes[0] !== type) {
    throw malformed('Not a verifier key of the kind that is wanted here.')
  }
  const x = Buffer.from(bytes.subarray(1)).toString('base64url')
  const verifier = create(name, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }))
  if (verifier.keyId !== Number.parseInt(id, 16)) throw malformed('The key id does not fit the key.')
  return verifier
}

/** Of a log, or whoever else signs notes (type 0x01). */
export const parseVerifierKey = (text: string): NoteVerifier => parseKey(text, 0x01, createNoteVerifier)

/** Of a witness (type 0x04). */
export const parseWitnessKey = (text: string): NoteVerifier => parseKey(text, 0x04, createWitnessVerifier)
