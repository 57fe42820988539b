/** C2SP signed-note: text, a blank line, signature lines. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { refused } from '@credence/kit'
import { fromBase64, toBase64 } from './base64.ts'
import { createNoteVerifier, isKeyName, type NoteVerifier, type SignatureFacts } from './note-key.ts'

const MAXIMUM_NOTE = 1_048_576
const MAXIMUM_SIGNATURES = 100

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

/** One signature line. `text` must end in a newline. */
export const signNote = (text: string, signer: { readonly name: string; readonly privateKey: KeyObject }): string => {
  checkText(text)
  const { keyId } = createNoteVerifier(signer.name, createPublicKey(signer.privateKey))
  return formatNote({
    text,
    signatures: [{ name: signer.name, keyId, signature: sign(null, Buffer.from(text), signer.privateKey) }],
  })
}

/** `— <name> <base64(key id || signature)>` and a newline. */
export const formatSignature = ({ name, keyId, signature }: NoteSignature): string => {
  const id = Buffer.alloc(4)
  id.writeUInt32BE(keyId)
  return `\u2014 ${name} ${toBase64(Buffer.concat([id, signature]))}\n`
}

export const formatNote = (note: Note): string => `${note.text}\n${note.signatures.map(formatSignature).join('')}`

/** > The text MUST be valid UTF-8, end in a newline, and contain no ASCII control characters other than newline. */
const checkText = (text: string): void => {
  if (!text.endsWith('\n') || text === '\n' || /[\p{Cs}]/u.test(text))
    throw malformed('The text does not end in a newline.')
  if (/\p{Cc}/u.test(text.replaceAll('\n', ''))) throw malformed('The text has control characters.')
}

/** One line without its newline; nothing is verified yet. */
export const parseSignature = (line: string): NoteSignature => {
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
 * The text, and which of the verifiers signed it, each with what its signature says besides. Signatures of others are
 * ignored; a wrong signature under a known name and key id refuses the whole note; no known signature refuses it too.
 */
export const verifyNote = (
  note: string,
  verifiers: readonly NoteVerifier[],
): { readonly text: string; readonly signed: ReadonlyMap<NoteVerifier, SignatureFacts> } => {
  const { text, signatures } = parseNote(note)
  const signed = new Map<NoteVerifier, SignatureFacts>()
  for (const { name, keyId, signature } of signatures) {
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId)
    if (verifier === undefined) continue
    // One key signs once: a note is no place for work that others have to do.
    if (signed.has(verifier)) throw malformed(`${name} signed twice.`)
    const facts = verifier.verify(text, signature)
    if (facts === undefined) {
      throw refused('note_signature_invalid', `The signature of ${name} is not valid.`, { status: 400 })
    }
    signed.set(verifier, facts)
  }
  if (signed.size === 0) throw refused('note_unsigned', 'No known key signed this note.', { status: 400 })
  return { text, signed }
}
