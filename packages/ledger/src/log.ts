/** The open log: appending at one end, reading and proving at the other. */
import { bug, refused } from '@credence/kit'
import type { CheckpointKey } from './checkpoint.ts'
import type { EmbeddedLedger } from './options.ts'
import type { Publisher } from './publisher.ts'
import { MAX_ENTRY_BYTES } from './segment/format.ts'
import type { Segments } from './segment/segments.ts'
import type { Committed, SegmentWriter } from './segment/writer.ts'
import { Sequencer } from './sequencer.ts'
import { rangeRoot } from './tree/compact-range.ts'
import { hashBytes } from './tree/hash.ts'
import { consistencyRanges, inclusionRanges, type Range } from './tree/ranges.ts'
import { TILE_WIDTH, type TileStore } from './tree/tiles.ts'
import type { Acknowledgement } from './types.ts'

/** Full tiles that may wait for the disk before appending waits for them. */
const MAX_WAITING_TILES = 512

export interface LogParts {
  readonly key: CheckpointKey
  readonly writer: SegmentWriter
  readonly segments: Segments
  readonly tiles: TileStore
  readonly publisher: Publisher
  readonly droppedBytes: number
  readonly maxBatchBytes: number
  readonly publishMs: number
  readonly onError: (error: unknown) => void
  readonly release: () => void
}

/** The checkpoint of a batch, made into text when somebody asks. */
class Batch {
  readonly committed: Committed
  readonly #key: CheckpointKey
  #note: string | undefined

  constructor(committed: Committed, key: CheckpointKey) {
    this.committed = committed
    this.#key = key
  }

  get note(): string {
    this.#note ??= this.#key.note(this.committed, this.committed.signature)
    return this.#note
  }
}

class Acknowledged implements Acknowledgement {
  readonly index: number
  readonly treeSize: number
  readonly #batch: Batch
  readonly #log: Log
  readonly #leaf: string

  constructor(batch: Batch, position: number, log: Log) {
    this.index = batch.committed.first + position
    this.treeSize = batch.committed.size
    this.#leaf = batch.committed.leaves[position] ?? ''
    this.#batch = batch
    this.#log = log
  }

  get leafHash(): Uint8Array {
    return hashBytes(this.#leaf)
  }

  get checkpoint(): string {
    return this.#batch.note
  }

  proof(): Promise<readonly Uint8Array[]> {
    return this.#log.inclusionProof(this.index, this.treeSize)
  }
}

export class Log implements EmbeddedLedger {
  readonly #parts: LogParts
  readonly #sequencer: Sequencer<Batch, Acknowledgement>
  #timer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(parts: LogParts) {
    this.#parts = parts
    this.#sequencer = new Sequencer<Batch, Acknowledgement>({
      commit: (entries) => this.#commit(entries),
      answer: (batch, position) => new Acknowledged(batch, position, this),
      maxBatchBytes: parts.maxBatchBytes,
      maxWaitingBytes: 64 << 20,
    })
  }

  get origin(): string {
    return this.#parts.key.origin
  }

  get verifierKey(): string {
    return this.#parts.key.verifierKey
  }

  get recovered(): { readonly droppedBytes: number } {
    return { droppedBytes: this.#parts.droppedBytes }
  }

  append(entry: Uint8Array, { patient = false } = {}): Promise<Acknowledgement> {
    return entry.length > MAX_ENTRY_BYTES ? Promise.reject(tooLarge()) : this.#sequencer.append(entry, patient)
  }

  size(): number {
    return this.#parts.segments.size
  }

  checkpoint(): string {
    const { range, signature } = this.#parts.writer.position
    return this.#parts.key.note({ size: range.size, root: rangeRoot(range.stack) }, signature)
  }

  async entry(index: number): Promise<Uint8Array> {
    for await (const { entry } of this.entries(index, index + 1)) return entry
    throw outOfRange(index)
  }

  async *entries(from: number, to: number): AsyncGenerator<{ readonly index: number; readonly entry: Uint8Array }> {
    if (!Number.isSafeInteger(from) || from < 0) throw outOfRange(from)
    for await (const { index, prefixed } of this.#parts.segments.read(from, to)) {
      yield { index, entry: prefixed.subarray(1) }
    }
  }

  async entryBundle(n: number, width: number = TILE_WIDTH): Promise<Uint8Array> {
    const first = n * TILE_WIDTH
    if (!Number.isSafeInteger(n) || n < 0) throw outOfRange(n)
    if (!(width >= 1 && width <= TILE_WIDTH && first + width <= this.size())) throw outOfRange(first + width)
    const pieces: Uint8Array[] = []
    for await (const { prefixed } of this.#parts.segments.read(first, first + width)) {
      const length = Buffer.allocUnsafe(2)
      length.writeUInt16BE(prefixed.length - 1)
      pieces.push(length, prefixed.subarray(1))
    }
    return Buffer.concat(pieces)
  }

  async inclusionProof(index: number, treeSize: number): Promise<readonly Uint8Array[]> {
    this.#checkSize(treeSize)
    if (!Number.isSafeInteger(index) || index < 0 || index >= treeSize) throw outOfRange(index)
    return this.#hashes(inclusionRanges(index, treeSize))
  }

  async consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]> {
    this.#checkSize(to)
    if (!Number.isSafeInteger(from) || from < 0 || from > to) throw outOfRange(from)
    return this.#hashes(consistencyRanges(from, to))
  }

  publish(): Promise<void> {
    return this.#parts.publisher.publish(() => this.checkpoint())
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#sequencer.close()
    clearTimeout(this.#timer)
    await this.publish().catch(this.#parts.onError)
    await this.#parts.writer.close()
    await this.#parts.segments.close()
    this.#parts.release()
  }

  async #commit(entries: readonly Uint8Array[]): Promise<Batch> {
    const { writer, segments, tiles, publisher, key } = this.#parts
    if (tiles.waitingCount > MAX_WAITING_TILES) await publisher.drain().catch(this.#parts.onError)
    const committed = await writer.commit(entries)
    tiles.add(committed)
    await segments.addFrame(committed.first, committed.offset, committed.size)
    this.#publishLater()
    return new Batch(committed, key)
  }

  #publishLater(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.publish().catch(() => undefined)
    }, this.#parts.publishMs)
    this.#timer.unref()
  }

  async #hashes(ranges: readonly Range[]): Promise<Uint8Array[]> {
    const roots = await Promise.all(ranges.map((range) => this.#parts.tiles.rangeRoot(range)))
    return roots.map(hashBytes)
  }

  #checkSize(treeSize: number): void {
    if (!Number.isSafeInteger(treeSize) || treeSize < 0 || treeSize > this.size()) throw outOfRange(treeSize)
  }
}

const tooLarge = () =>
  refused('ledger_entry_too_large', 'An entry of the ledger has at most 65,535 bytes.', { status: 413 })

const outOfRange = (value: number) =>
  Number.isSafeInteger(value)
    ? refused('ledger_out_of_range', 'The ledger has no such entry or size.', { status: 404 })
    : bug('ledger_range', `not an index or a size: ${value}`)
