/** The open log: appending at one end, reading and proving at the other. */
import type { CheckpointKey } from './checkpoint.ts'
import type { EmbeddedLedger } from './options.ts'
import type { Publisher } from './publisher.ts'
import {
  bundleOf,
  consistencyProofOf,
  entriesOf,
  entryOf,
  inclusionProofOf,
  type Readable,
  tooLarge,
} from './reading.ts'
import { MAX_ENTRY_BYTES } from './segment/format.ts'
import type { Segments } from './segment/segments.ts'
import type { Committed, SegmentWriter } from './segment/writer.ts'
import { Sequencer } from './sequencer.ts'
import { rangeRoot } from './tree/compact-range.ts'
import { hashBytes } from './tree/hash.ts'
import type { TileStore } from './tree/tiles.ts'
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
  readonly #readable: Readable

  constructor(parts: LogParts) {
    this.#parts = parts
    this.#readable = {
      size: () => parts.segments.size,
      read: (from, to) => parts.segments.read(from, to),
      rangeRoot: (range) => parts.tiles.rangeRoot(range),
    }
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

  problem(): string | undefined {
    return this.#parts.writer.isFenced ? 'ledger_fenced' : undefined
  }

  size(): number {
    return this.#parts.segments.size
  }

  /** One directory, one writing process: it knows all that there is. */
  async refresh(): Promise<void> {}

  checkpoint(): string {
    const { range, signature } = this.#parts.writer.position
    return this.#parts.key.note({ size: range.size, root: rangeRoot(range.stack) }, signature)
  }

  entry(index: number): Promise<Uint8Array> {
    return entryOf(this.#readable, index)
  }

  entries(from: number, to: number): AsyncGenerator<{ readonly index: number; readonly entry: Uint8Array }> {
    return entriesOf(this.#readable, from, to)
  }

  entryBundle(n: number, width?: number): Promise<Uint8Array> {
    return bundleOf(this.#readable, n, width)
  }

  inclusionProof(index: number, treeSize: number): Promise<readonly Uint8Array[]> {
    return inclusionProofOf(this.#readable, index, treeSize)
  }

  consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]> {
    return consistencyProofOf(this.#readable, from, to)
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
}
