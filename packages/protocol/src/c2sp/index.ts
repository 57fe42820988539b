/** C2SP: signed-note, tlog-checkpoint, tlog-cosignature (Ed25519), tlog-witness, tlog-proof and tlog-policy. */
export {
  ADD_CHECKPOINT_BYTES,
  type AddCheckpoint,
  formatAddCheckpoint,
  formatCosignatures,
  onlyAppends,
  parseAddCheckpoint,
  parseCosignatures,
  parseSize,
  SIZE_TYPE,
} from './add-checkpoint.ts'
export {
  type Checkpoint,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  type Witnessing,
} from './checkpoint.ts'
export { type Cosigner, cosign } from './cosignature.ts'
export { formatNote, type Note, type NoteSignature, parseNote, signNote, verifyNote } from './note.ts'
export {
  createNoteVerifier,
  createWitnessVerifier,
  formatVerifierKey,
  isKeyName,
  isSameKey,
  type NoteVerifier,
  parseVerifierKey,
  parseWitnessKey,
} from './note-key.ts'
export { type PolicyLog, type PolicyWitness, parseTlogPolicy, type TlogPolicy } from './policy.ts'
export { formatTlogProof, parseTlogProof, type TlogProof, verifyTlogProof } from './proof.ts'
