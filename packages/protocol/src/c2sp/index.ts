/** C2SP signed-note and tlog-checkpoint. */
export {
  type Checkpoint,
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
export {
  createNoteVerifier,
  formatNote,
  formatVerifierKey,
  isKeyName,
  type Note,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
} from './note.ts'
