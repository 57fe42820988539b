export { type LogUnderTest, ledgerContract } from './contract.ts'
export { entryOf, key, keys, ORIGIN } from './log-dir.ts'
export { MemoryRows } from './memory-rows.ts'
