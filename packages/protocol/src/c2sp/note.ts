/** C2SP signed-note: text, a blank line, signature lines. Ed25519, type 0x01. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { refused } from '@credence/kit'
import { fromBase64, toBase64 } from './base64.ts'

const ED25519 = 0x01
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const MAXIMUM_NOTE = 1_048_576
const MAXIMUM_SIGNATURES = 100

/** Who can sign a note: a name (by convention a URL without scheme) and an Ed25519 key. */
export interface NoteVerifier {
  readonly name: string
  /** The first four bytes of SHA-256(name || 0x0A || type || key), as an unsigned number. */
  readonly keyId: number
  readonly publicKey: KeyObject
}

export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  readonly signature: Uint8Array
}

export interface Note {
  /** Ends in a newline, which is signed too. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

const malformed = (message: string) => refused('note_malformed', message, { status: 400 })

/** > The key name MUST be non-empty and not contain any Unicode spaces or plus characters. */
export const isKeyName = (name: string): boolean =>
  name.length > 0 && name.length <= 256 && !/[\s+\p{White_Space}]/u.test(name) && !/\p{Cc}/u.test(name)

const rawPublicKey = (publicKey: KeyObject): Uint8Array => {
  const { x } = publicKey.export({ format: 'jwk' })
  if (publicKey.asymmetricKeyType !== 'ed25519' || typeof x !== 'string') throw malformed('Not an Ed25519 key.')
  return Buffer.from(x, 'base64url')
}

const keyIdOf = (name: string, raw: Uint8Array): number =>
  createHash('sha256').update(`${name}\n`).update(Uint8Array.of(ED25519)).update(raw).digest().readUInt32BE(0)

export const createNoteVerifier = (name: string, publicKey: KeyObject): NoteVerifier => {
  if (!isKeyName(name)) throw malformed('Not a key name.')
  return { name, keyId: keyIdOf(name, rawPublicKey(publicKey)), publicKey }
}

/** `<name>+<key id, 8 hex digits>+<base64(type || key)>` */
export const formatVerifierKey = (verifier: NoteVerifier): string => {
  const id = verifier.keyId.toString(16).padStart(8, '0')
  return `${verifier.name}+${id}+${toBase64(Buffer.concat([Uint8Array.of(ED25519), rawPublicKey(verifier.publicKey)]))}`
}

export const parseVerifierKey = (text: string): NoteVerifier => {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text)
  const [, name = '', id = '', encoded = ''] = match ?? []
  const bytes = fromBase64(encoded)
  if (bytes === undefined || bytes.length !== KEY_BYTES + 1 || bytes[0] !== ED25519) {
    throw malformed('Not a verifier key of a kind that is known.')
  }
  const x = Buffer.from(bytes.subarray(1)).toString('base64url')
  const verifier = createNoteVerifier(name, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }))
  if (verifier.keyId !== Number.parseInt(id, 16)) throw malformed('The key id does not fit the key.')
  return verifier
}

/** One signature line. `text` must end in a newline. */
export const signNote = (text: string, signer: { readonly name: string; readonly privateKey: KeyObject }): string => {
  checkText(text)
  const { keyId } = createNoteVerifier(signer.name, createPublicKey(signer.privateKey))
  return formatNote({
    text,
    signatures: [{ name: signer.name, keyId, signature: sign(null, Buffer.from(text), signer.privateKey) }],
  })
}

export const formatNote = (note: Note): string => {
  const lines = note.signatures.map(({ name, keyId, signature }) => {
    const id = Buffer.alloc(4)
    id.writeUInt32BE(keyId)
    return `\u2014 ${name} ${toBase64(Buffer.concat([id, signature]))}\n`
  })
  return `${note.text}\n${lines.join('')}`
}

/** > The text MUST be valid UTF-8, end in a newline, and contain no ASCII control characters other than newline. */
const checkText = (text: string): void => {
  if (!text.endsWith('\n') || text === '\n' || /[\p{Cs}]/u.test(text))
    throw malformed('The text does not end in a newline.')
  if (/\p{Cc}/u.test(text.replaceAll('\n', ''))) throw malformed('The text has control characters.')
}

const parseSignature = (line: string): NoteSignature => {
  const match = /^\u2014 (\S+) ([A-Za-z0-9+/]+=*)$/u.exec(line)
  const [, name = '', encoded = ''] = match ?? []
  const bytes = fromBase64(encoded)
  if (!isKeyName(name) || bytes === undefined || bytes.length < 5) throw malformed('A signature line is malformed.')
  return { name, keyId: Buffer.from(bytes).readUInt32BE(0), signature: bytes.subarray(4) }
}

/** Splits at the last blank line; nothing is verified yet. */
export const parseNote = (note: string): Note => {
  if (note.length > MAXIMUM_NOTE) throw malformed('The note is too long.')
  const border = note.lastIndexOf('\n\n')
  if (border < 0 || !note.endsWith('\n')) throw malformed('The note has no signatures.')
  const text = note.slice(0, border + 1)
  checkText(text)
  const lines = note.slice(border + 2, -1).split('\n')
  if (lines.length > MAXIMUM_SIGNATURES) throw malformed('The note has too many signatures.')
  return { text, signatures: lines.map(parseSignature) }
}

/**
 * The text, and which of the verifiers signed it. Signatures of others are ignored; a wrong signature under a known name
 * and key id refuses the whole note; no known signature refuses it too.
 */
export const verifyNote = (
  note: string,
  verifiers: readonly NoteVerifier[],
): { readonly text: string; readonly signers: readonly string[] } => {
  const { text, signatures } = parseNote(note)
  const bytes = Buffer.from(text)
  const signers = new Set<string>()
  for (const { name, keyId, signature } of signatures) {
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId)
    if (verifier === undefined) continue
    if (signature.length !== SIGNATURE_BYTES || !verify(null, bytes, verifier.publicKey, signature)) {
      throw refused('note_signature_invalid', `The signature of ${name} is not valid.`, { status: 400 })
    }
    signers.add(name)
  }
  if (signers.size === 0) throw refused('note_unsigned', 'No known key signed this note.', { status: 400 })
  return { text, signers: [...signers] }
}
