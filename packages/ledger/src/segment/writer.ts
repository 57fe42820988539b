/** The writing end: one batch is one durable write of entries and signed checkpoint. */
import { join } from 'node:path'
import { type CredenceError, unavailable } from '@credence/kit'
import type { CheckpointKey } from '../checkpoint.ts'
import type { FileLayer, LogFile } from '../files/layer.ts'
import { ShortWrite, writeAll } from '../files/whole.ts'
import type { LedgerSigner } from '../options.ts'
import { type CompactRange, RangeBuilder, rangeRoot, type TileNode } from '../tree/compact-range.ts'
import { encodeEntries, encodeHeader, frameBytes, HEADER_BYTES, sealFrame, segmentName } from './format.ts'

const FIRST_SEGMENT_BYTES = 1 << 20
const SPARE = 'spare.tmp'
/** A segment that could not lay out the next one tries again after this part of its length. */
const TRIES = 16
const ZEROS = Buffer.alloc(1 << 20)

/** What is durable: the tree, its checkpoint, and where the next frame goes. */
export interface Position {
  readonly range: CompactRange
  readonly signature: Uint8Array
  readonly segment: number
  readonly segmentLength: number
  readonly offset: number
}

export interface Committed {
  readonly first: number
  readonly size: number
  readonly root: string
  readonly signature: Uint8Array
  readonly leaves: readonly string[]
  readonly nodes: readonly TileNode[]
  readonly segment: number
  readonly offset: number
}

export interface WriterOptions {
  readonly files: FileLayer
  /** The folder of the segments. */
  readonly dir: string
  readonly key: CheckpointKey
  readonly signer: LedgerSigner
  readonly maxSegmentBytes: number
  readonly onError: (error: unknown) => void
  /** A segment was begun: entries from `first` on are in it. */
  readonly onSegment: (number: number, first: number) => void
}

export const segmentLength = (number: number, max: number): number =>
  Math.min(max, FIRST_SEGMENT_BYTES * 2 ** Math.min(number, 20))

/** A disk that is full may have room again; after anything else nobody knows what is on it. */
const isFull = (error: unknown): boolean =>
  error instanceof ShortWrite || ['ENOSPC', 'EDQUOT'].includes(String((error as NodeJS.ErrnoException)?.code))

export class SegmentWriter {
  readonly #options: WriterOptions
  #position: Position
  #file: LogFile
  #scratch = Buffer.alloc(0)
  #spare: Promise<LogFile | undefined> | undefined
  /** Not laid out again before the segment is filled up to here. */
  #spareFrom = 0
  /** A failed write may have left bytes up to here; they are zeroed before anything else is written. */
  #dirtyUntil = 0
  #fenced: unknown

  constructor(options: WriterOptions, position: Position, file: LogFile) {
    this.#options = options
    this.#position = position
    this.#file = file
  }

  get isFenced(): boolean {
    return this.#fenced !== undefined
  }

  get position(): Position {
    return this.#position
  }

  /**
   * INVARIANT: the tree moves on only when the write is durable; a failed batch leaves no trace in memory, and on disk
   * only bytes that are zeroed before the next frame.
   */
  async commit(entries: readonly Uint8Array[]): Promise<Committed> {
    if (this.#fenced !== undefined) throw this.#fencedError()
    try {
      return await this.#commit(entries)
    } catch (error) {
      if (this.#fenced !== undefined) throw this.#fencedError()
      throw isFull(error) ? fullError(error) : notNow(error)
    }
  }

  async #commit(entries: readonly Uint8Array[]): Promise<Committed> {
    if (this.#dirtyUntil > 0) await this.#repair()
    const bytes = frameBytes(entries)
    if (this.#position.offset + bytes > this.#position.segmentLength) await this.#rotate()
    const { range, offset, segment } = this.#position
    const tree = new RangeBuilder(range)
    const frame = this.#buffer(bytes)
    encodeEntries(frame, entries, tree)
    const root = tree.root()
    const signature = await this.#sign(tree.size, root)
    sealFrame(frame, { count: entries.length, size: tree.size, root, signature })
    await this.#write(frame, offset)
    this.#position = { ...this.#position, range: tree.done(), signature, offset: offset + bytes }
    this.#prepareSpare()
    const { size, leaves, nodes } = tree
    return { first: range.size, size, root, signature, leaves, nodes, segment, offset }
  }

  async #write(frame: Uint8Array, offset: number): Promise<void> {
    this.#dirtyUntil = offset + frame.length
    await this.#fenceUnlessFull(async () => {
      await writeAll(this.#file, frame, offset)
      await this.#file.sync()
    })
    this.#dirtyUntil = 0
  }

  async #repair(): Promise<void> {
    await this.#fenceUnlessFull(async () => {
      await zero(this.#file, this.#position.offset, this.#dirtyUntil)
      await this.#file.sync()
    })
    this.#dirtyUntil = 0
  }

  /** INVARIANT: after an error that leaves the disk's state unknown nothing is written until a new start has read it. */
  async #fenceUnlessFull(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      if (!isFull(error)) this.#fenced = error
      throw error
    }
  }

  /** The header is durable under a temporary name before the segment exists under its own. */
  async #rotate(): Promise<void> {
    const { files, dir, key } = this.#options
    const { range, signature } = this.#position
    const number = this.#position.segment + 1
    const length = segmentLength(number, this.#options.maxSegmentBytes)
    const spare = (await this.#spare) ?? (await prepareSegment(files, dir, length))
    this.#spare = undefined
    const header = { number, length, size: range.size, root: rangeRoot(range.stack), signature }
    await writeAll(spare, encodeHeader(header, key.origin), 0)
    await spare.sync()
    await publishSegment(files, dir, number).catch((error: unknown) => {
      // INVARIANT: once the new segment may exist, nothing more is written to the old one.
      this.#fenced = error
      throw error
    })
    await this.#file.close()
    this.#file = spare
    this.#spareFrom = 0
    this.#position = { ...this.#position, segment: number, segmentLength: length, offset: HEADER_BYTES }
    this.#options.onSegment(number, range.size)
  }

  /** Half-way through a segment the next one is laid out, so that no append waits for it. */
  #prepareSpare(): void {
    const { offset, segmentLength: length, segment } = this.#position
    if (this.#spare !== undefined || offset * 2 < length || offset < this.#spareFrom) return
    const { files, dir, maxSegmentBytes, onError } = this.#options
    this.#spare = prepareSegment(files, dir, segmentLength(segment + 1, maxSegmentBytes)).catch((error: unknown) => {
      this.#spare = undefined
      // NOTE: to try with every append would take the last room away each time, if only for a moment.
      this.#spareFrom = offset + length / TRIES
      onError(error)
      return undefined
    })
  }

  async #sign(size: number, root: string): Promise<Uint8Array> {
    const { key, signer } = this.#options
    const signature = await signer.sign(Buffer.from(key.body({ size, root }), 'utf8'))
    if (signature.length !== 64) throw new Error('the signer answered something that is not an Ed25519 signature')
    return signature
  }

  #buffer(bytes: number): Buffer {
    if (this.#scratch.length < bytes) this.#scratch = Buffer.alloc(Math.max(bytes, this.#scratch.length * 2, 65_536))
    return this.#scratch.subarray(0, bytes)
  }

  #fencedError(): CredenceError {
    return unavailable('ledger_fenced', 'The ledger cannot be written until it is opened again.', {
      cause: this.#fenced,
      detail: String(this.#fenced),
    })
  }

  async close(): Promise<void> {
    this.#fenced ??= new Error('closed')
    const spare = await this.#spare
    if (spare !== undefined) await spare.close()
    await this.#file.close()
  }
}

const fullError = (cause: unknown): CredenceError =>
  unavailable('ledger_full', 'The ledger has no room at the moment.', { cause, detail: String(cause) })

const notNow = (cause: unknown): CredenceError =>
  unavailable('ledger_unavailable', 'The ledger cannot take this at the moment.', { cause, detail: String(cause) })

export const zero = async (file: LogFile, from: number, to: number): Promise<void> => {
  for (let at = from; at < to; at += ZEROS.length) {
    await writeAll(file, to - at < ZEROS.length ? ZEROS.subarray(0, to - at) : ZEROS, at)
  }
}

/** Real zeros, not a hole: a hole is allocated later, when the disk may be full. */
export const prepareSegment = async (files: FileLayer, dir: string, length: number): Promise<LogFile> => {
  const file = await files.create(join(dir, SPARE))
  try {
    await zero(file, 0, length)
    await file.sync()
    return file
  } catch (error) {
    await file.close()
    // INVARIANT: what does not fit is not left lying on a disk that is full: others need the room to withdraw authority.
    await files.remove(join(dir, SPARE)).catch(() => undefined)
    throw error
  }
}

export const publishSegment = async (files: FileLayer, dir: string, number: number): Promise<void> => {
  await files.rename(join(dir, SPARE), join(dir, segmentName(number)))
  await files.syncDirectory(dir)
}
