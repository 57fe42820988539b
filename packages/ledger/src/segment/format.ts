/** The bytes of a segment; docs/design/ledger-format.md says the same in words. All numbers are big endian. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { RangeBuilder } from '../tree/compact-range.ts'
import { LEAF_PREFIX, leafHashOf } from '../tree/hash.ts'

export const HEADER_BYTES = 160
export const FRAME_OVERHEAD = 120
/** Of one entry: length and leaf prefix. */
export const ENTRY_OVERHEAD = 3
export const MAX_ENTRY_BYTES = 65_535

const HEADER_MAGIC = Buffer.from('CREDLOG1', 'latin1')
export const FRAME_MAGIC: Buffer = Buffer.from('CFRM', 'latin1')

export interface SegmentHeader {
  readonly number: number
  /** Of the whole file, preallocated. */
  readonly length: number
  /** The tree when the segment was begun, with its signed checkpoint. */
  readonly size: number
  readonly root: string
  readonly signature: Uint8Array
}

export const originHash = (origin: string): Buffer => createHash('sha256').update(origin, 'utf8').digest()

export const encodeHeader = (header: SegmentHeader, origin: string): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES)
  HEADER_MAGIC.copy(bytes, 0)
  bytes.writeUInt32BE(header.number, 12)
  bytes.writeBigUInt64BE(BigInt(header.length), 16)
  bytes.writeBigUInt64BE(BigInt(header.size), 24)
  bytes.write(header.root, 32, 32, 'latin1')
  bytes.set(header.signature, 64)
  originHash(origin).copy(bytes, 128)
  bytes.writeUInt32BE(crc32(bytes.subarray(12)), 8)
  return bytes
}

export type HeaderProblem = 'header_altered' | 'other_origin'

export const decodeHeader = (bytes: Buffer, origin: string): SegmentHeader | HeaderProblem => {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(HEADER_MAGIC)) return 'header_altered'
  if (crc32(bytes.subarray(12, HEADER_BYTES)) !== bytes.readUInt32BE(8)) return 'header_altered'
  if (!bytes.subarray(128, 160).equals(originHash(origin))) return 'other_origin'
  return {
    number: bytes.readUInt32BE(12),
    length: Number(bytes.readBigUInt64BE(16)),
    size: Number(bytes.readBigUInt64BE(24)),
    root: bytes.toString('latin1', 32, 64),
    signature: Uint8Array.prototype.slice.call(bytes, 64, 128),
  }
}

export const frameBytes = (entries: readonly Uint8Array[]): number => {
  let bytes = FRAME_OVERHEAD
  for (const entry of entries) bytes += ENTRY_OVERHEAD + entry.length
  return bytes
}

/** Lays the entries out and appends each to the tree in the same pass. The seal follows when the root is signed. */
export const encodeEntries = (frame: Buffer, entries: readonly Uint8Array[], tree: RangeBuilder): void => {
  let at = FRAME_OVERHEAD
  for (const entry of entries) {
    const end = at + ENTRY_OVERHEAD + entry.length
    frame.writeUInt16BE(entry.length, at)
    frame[at + 2] = LEAF_PREFIX
    frame.set(entry, at + ENTRY_OVERHEAD)
    tree.append(leafHashOf(frame.subarray(at + 2, end)))
    at = end
  }
}

export interface Seal {
  readonly count: number
  /** Size and root of the tree after this frame, and the signature of that checkpoint. */
  readonly size: number
  readonly root: string
  readonly signature: Uint8Array
}

export const sealFrame = (frame: Buffer, seal: Seal): void => {
  FRAME_MAGIC.copy(frame, 0)
  frame.writeUInt32BE(frame.length - FRAME_OVERHEAD, 8)
  frame.writeUInt32BE(seal.count, 12)
  frame.writeBigUInt64BE(BigInt(seal.size), 16)
  frame.write(seal.root, 24, 32, 'latin1')
  frame.set(seal.signature, 56)
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4)
}

export interface Frame extends Seal {
  readonly bytes: number
}

/** A frame whose checksum holds, or nothing. What it says about the tree is for the caller to check. */
export const decodeFrame = (segment: Buffer, at: number): Frame | undefined => {
  if (at + FRAME_OVERHEAD > segment.length || segment.compare(FRAME_MAGIC, 0, 4, at, at + 4) !== 0) return undefined
  const end = at + FRAME_OVERHEAD + segment.readUInt32BE(at + 8)
  if (end > segment.length) return undefined
  if (crc32(segment.subarray(at + 8, end)) !== segment.readUInt32BE(at + 4)) return undefined
  return {
    bytes: end - at,
    count: segment.readUInt32BE(at + 12),
    size: Number(segment.readBigUInt64BE(at + 16)),
    root: segment.toString('latin1', at + 24, at + 56),
    signature: segment.subarray(at + 56, at + 120),
  }
}

/**
 * The entries of a frame, each with its leaf prefix in front. Nothing when lengths and count do not fill the frame
 * exactly, so that one sequence of entries has one form.
 */
export const prefixedEntries = (segment: Buffer, at: number, frame: Frame): Buffer[] | undefined => {
  const entries: Buffer[] = []
  const end = at + frame.bytes
  let next = at + FRAME_OVERHEAD
  while (next + ENTRY_OVERHEAD <= end) {
    const stop = next + ENTRY_OVERHEAD + segment.readUInt16BE(next)
    if (stop > end || segment[next + 2] !== LEAF_PREFIX) return undefined
    entries.push(segment.subarray(next + 2, stop))
    next = stop
  }
  return next === end && entries.length === frame.count && frame.count > 0 ? entries : undefined
}

/** Where the last byte that is not zero ends; `from` when there is none. */
export const endOfData = (segment: Buffer, from: number): number => {
  let end = segment.length
  while (end > from && segment[end - 1] === 0) end -= 1
  return end
}

export const segmentName = (number: number): string => `${String(number).padStart(8, '0')}.seg`
export const SEGMENT_NAME = /^\d{8}\.seg$/

export const rootText = (root: string): string => Buffer.from(root, 'latin1').toString('base64')
