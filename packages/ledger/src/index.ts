export type { FileLayer, LogFile } from './files/layer.ts'
export { type NodeFilesOptions, nodeFiles } from './files/node-files.ts'
export { openLedger } from './open.ts'
export type { EmbeddedLedger, LedgerOptions, LedgerSigner } from './options.ts'
export { type ExportSource, exportLog } from './rows/export.ts'
export type { RowLedger } from './rows/log.ts'
export { openRowLedger, type RowLedgerOptions } from './rows/open.ts'
export {
  type LedgerRows,
  type Looked,
  type Looking,
  type Owed,
  ROW_AT_HEAD,
  type RowBatch,
  type RowChange,
  type RowHead,
  type RowOrigin,
  type RowTile,
} from './rows/port.ts'
export type { Acknowledgement, Ledger } from './types.ts'
export { type FirstBad, type LedgerVerdict, type VerifyOptions, verifyLedger } from './verify.ts'
