/** Witnesses of a log (C2SP tlog-witness): being one, asking them, and counting them. */
export {
  type Asked,
  askWitnesses,
  type KnownSizes,
  type WitnessPeer,
  type WitnessReply,
  type WitnessTrouble,
  withCosignatures,
} from './ask-witnesses.ts'
export { type FolderWitnessStore, openFolderWitnessStore } from './folder-store.ts'
export { type JudgeOptions, judgeWitnesses, mustNameWitnesses, type Witnessed } from './judge.ts'
export {
  createWitness,
  originHash,
  type Witness,
  type WitnessAnswer,
  type WitnessedHead,
  type WitnessOptions,
  type WitnessStore,
} from './witness.ts'
