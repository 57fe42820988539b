export { type AuditIndex, type AuditIndexOptions, createAuditIndex, type IndexedRecord } from './audit-index.ts'
export { commit, newSalt, opens } from './commitment.ts'
export { type Comparison, type CopyDifference, compareLedgers } from './compare.ts'
export { createIntake, type Intake, type IntakeAnswer, type IntakeOptions } from './intake.ts'
export { createNetworkRecorder, type NetworkRecorderOptions } from './network-recorder.ts'
export type {
  Alert,
  AuditRecorder,
  NewAlert,
  NewEpoch,
  NewIntent,
  NewOutcome,
  NewReduction,
  NewRefusal,
  OpenIntent,
  Receipt,
  RecorderIdentity,
} from './ports.ts'
export { type ProofVerdict, type RecordProof, toProofFile, verifyProofFile } from './proof-file.ts'
export { checkRecord, decodeRecord, encodeRecord, MAX_RECORD_BYTES } from './record.ts'
export { createRecorder, type RecorderOptions, type RecorderTuning } from './recorder.ts'
export { plainText, renderTrace } from './render.ts'
export { RecordSchema } from './schema.ts'
export { assertNoSecrets, looksLikeSecret } from './secrets.ts'
export {
  type Located,
  selectTask,
  type TraceBranch,
  type TraceCall,
  type TraceReduction,
  type TraceRefusal,
  type TraceStep,
  type TraceTree,
  trace,
} from './trace.ts'
export { type AuditVerdict, type AuditVerifyOptions, type Finding, verifyAudit, WITNESSED_FILE } from './verify.ts'
