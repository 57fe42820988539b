export { keepWitnessed } from './keep.ts'
export { startWitnessing, type WitnessedCheckpoint, type Witnessing, type WitnessingOptions } from './witnessing.ts'
