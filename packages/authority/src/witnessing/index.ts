export { keepWitnessed, keptWitnessed } from './keep.ts'
export type { WitnessedCheckpoint } from './kept.ts'
export { startWitnessing, type WitnessesConfig, type Witnessing, type WitnessingOptions } from './witnessing.ts'
