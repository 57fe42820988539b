/** From the files to the last durable state, or to the reason why these files are not this log. */
import { join } from 'node:path'
import { refused } from '@credence/kit'
import type { CheckpointKey } from '../checkpoint.ts'
import type { FileLayer } from '../files/layer.ts'
import { readAt, readFile } from '../files/whole.ts'
import { type CompactRange, RangeBuilder, rangeRoot, type TileNode } from '../tree/compact-range.ts'
import { leafHashOf } from '../tree/hash.ts'
import {
  decodeFrame,
  decodeHeader,
  endOfData,
  FRAME_MAGIC,
  HEADER_BYTES,
  prefixedEntries,
  SEGMENT_NAME,
  type SegmentHeader,
  segmentName,
} from './format.ts'

export const damaged = (code: string, detail: string) =>
  refused(code, 'These files are not the ledger they should be; nothing was changed.', { detail })

/** Every segment's header, checked against its name, its file and its neighbour. */
export const readHeaders = async (files: FileLayer, dir: string, key: CheckpointKey): Promise<SegmentHeader[]> => {
  const names = (await files.list(dir)).filter((name) => name !== 'spare.tmp').sort()
  const headers: SegmentHeader[] = []
  for (const [number, name] of names.entries()) {
    if (!SEGMENT_NAME.test(name)) throw damaged('ledger_foreign_file', name)
    if (name !== segmentName(number)) throw damaged('ledger_segment_missing', segmentName(number))
    const header = await readHeader(files, join(dir, name), key.origin)
    if (header.number !== number) throw damaged('ledger_segment_swapped', name)
    if (header.size < (headers.at(-1)?.size ?? 0)) throw damaged('ledger_segment_order', name)
    headers.push(header)
  }
  return headers
}

const readHeader = async (files: FileLayer, path: string, origin: string): Promise<SegmentHeader> => {
  const file = await files.open(path, 'read')
  try {
    const header = decodeHeader(await readAt(file, 0, HEADER_BYTES), origin)
    if (header === 'other_origin') throw damaged('ledger_other_origin', path)
    if (header === 'header_altered') throw damaged('ledger_foreign_bytes', path)
    if (header.length !== (await file.size())) throw damaged('ledger_segment_length', path)
    return header
  } finally {
    await file.close()
  }
}

export interface ScannedFrame {
  readonly first: number
  readonly offset: number
  readonly size: number
}

export interface Scanned {
  readonly range: CompactRange
  readonly signature: Uint8Array
  readonly frames: readonly ScannedFrame[]
  readonly leaves: readonly string[]
  readonly nodes: readonly TileNode[]
  /** After the last good frame. */
  readonly offset: number
  /** Where bytes of an unfinished write end; `offset` when there are none. */
  readonly dirtyUntil: number
}

/** Goes through one segment from the tree that it began with. */
export const scanSegment = async (
  files: FileLayer,
  dir: string,
  header: SegmentHeader,
  start: CompactRange,
  maxFrameBytes: number,
): Promise<Scanned> => {
  const name = segmentName(header.number)
  if (start.size !== header.size || rangeRoot(start.stack) !== header.root) throw damaged('ledger_corrupt', name)
  const bytes = await readFile(files, join(dir, name))
  const tree = new RangeBuilder(start)
  const frames: ScannedFrame[] = []
  let signature = header.signature
  let offset = HEADER_BYTES
  for (let frame = decodeFrame(bytes, offset); frame !== undefined; frame = decodeFrame(bytes, offset)) {
    const first = tree.size
    const entries = prefixedEntries(bytes, offset, frame)
    if (entries === undefined) throw damaged('ledger_corrupt', `${name} at ${offset}`)
    for (const entry of entries) tree.append(leafHashOf(entry))
    if (tree.size !== frame.size || tree.root() !== frame.root) throw damaged('ledger_corrupt', `${name} at ${offset}`)
    frames.push({ first, offset, size: frame.size })
    signature = Uint8Array.from(frame.signature)
    offset += frame.bytes
  }
  const dirtyUntil = endOfData(bytes, offset)
  checkTail(bytes, offset, dirtyUntil, maxFrameBytes, name)
  return { range: tree.done(), signature, frames, leaves: tree.leaves, nodes: tree.nodes, offset, dirtyUntil }
}

/**
 * INVARIANT: only what can be one unfinished write is dropped. There is one write at a time, so nothing whole may follow
 * it, it is no longer than a frame, and it begins with our mark or with a sector that never arrived.
 */
const checkTail = (bytes: Buffer, offset: number, end: number, maxFrameBytes: number, name: string): void => {
  if (end === offset) return
  const where = `${name} at ${offset}`
  const mark = bytes.subarray(offset, offset + FRAME_MAGIC.length)
  if (!mark.equals(FRAME_MAGIC) && mark.some((byte) => byte !== 0)) throw damaged('ledger_foreign_bytes', where)
  if (end - offset > maxFrameBytes) throw damaged('ledger_foreign_bytes', where)
  for (let at = bytes.indexOf(FRAME_MAGIC, offset + 1); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
    if (decodeFrame(bytes, at) !== undefined) throw damaged('ledger_corrupt', where)
  }
}
