/** A batch in a row has the bytes of a frame in a segment, so that an export needs no translation. */
import { decodeFrame, encodeEntries, type Frame, frameBytes, prefixedEntries, sealFrame } from '../segment/format.ts'
import { type CompactRange, RangeBuilder } from '../tree/compact-range.ts'
import { leafHashOf } from '../tree/hash.ts'
import type { RowBatch } from './port.ts'

/** The entries laid out, and the tree with them; sealed when the root is signed. */
export const layOut = (range: CompactRange, entries: readonly Uint8Array[]): { frame: Buffer; tree: RangeBuilder } => {
  const frame = Buffer.alloc(frameBytes(entries))
  const tree = new RangeBuilder(range)
  encodeEntries(frame, entries, tree)
  return { frame, tree }
}

export const seal = (frame: Buffer, count: number, head: { size: number; root: string; signature: Uint8Array }): void =>
  sealFrame(frame, { count, ...head })

export interface OpenedBatch {
  readonly first: number
  readonly frame: Frame
  /** With their leaf prefix. */
  readonly entries: readonly Buffer[]
}

/** Nothing when the row is not what it was when it was written, as far as it can be told from the row alone. */
export const openBatch = ({ first, size, frame: bytes }: RowBatch): OpenedBatch | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frame = decodeFrame(buffer, 0)
  if (frame === undefined || frame.bytes !== buffer.length || frame.size !== size) return undefined
  const entries = prefixedEntries(buffer, 0, frame)
  return entries === undefined || first + entries.length !== size ? undefined : { first, frame, entries }
}

export const treeWith = (range: CompactRange, { entries }: OpenedBatch): RangeBuilder => {
  const tree = new RangeBuilder(range)
  for (const entry of entries) tree.append(leafHashOf(entry))
  return tree
}
