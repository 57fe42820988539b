/** The open log in rows: as many nodes as there are append to it, each knows what it has checked itself. */
import type { CredenceError } from '@credence/kit'
import type { CheckpointKey } from '../checkpoint.ts'
import {
  bundleOf,
  consistencyProofOf,
  entriesOf,
  entryOf,
  inclusionProofOf,
  type Readable,
  tooLarge,
} from '../reading.ts'
import { MAX_ENTRY_BYTES } from '../segment/format.ts'
import { Sequencer } from '../sequencer.ts'
import { RangeBuilder } from '../tree/compact-range.ts'
import { hashBytes, hashString, leafHashOf } from '../tree/hash.ts'
import type { Acknowledgement, Ledger } from '../types.ts'
import type { Evidence } from './evidence.ts'
import type { Known } from './known.ts'
import type { LedgerRows, Owed } from './port.ts'
import { readEntries } from './reader.ts'
import type { Placed } from './window.ts'
import type { Answered, RowWriter } from './writer.ts'

const MAX_BATCH_BYTES = 512 << 10
const MAX_WAITING_BYTES = 64 << 20
const ADOPTED_AT_ONCE = 256
const LEAF_PREFIX = Uint8Array.of(0)

export interface RowLogParts {
  readonly rows: LedgerRows
  readonly key: CheckpointKey
  readonly known: Known
  readonly writer: RowWriter
  readonly evidence: Evidence | undefined
  readonly outage: { down: CredenceError | undefined; closing: boolean }
  readonly followMs: number
  readonly onError: (error: unknown) => void
}

/** A checkpoint that covers what is acknowledged, made into text when somebody asks. */
class Cover {
  readonly size: number
  readonly #make: () => string
  #note: string | undefined

  constructor(size: number, make: () => string) {
    this.size = size
    this.#make = make
  }

  get note(): string {
    this.#note ??= this.#make()
    return this.#note
  }
}

class Acknowledged implements Acknowledgement {
  readonly index: number
  readonly #leaf: string
  readonly #cover: Cover
  readonly #log: RowLog

  constructor({ index, leaf }: Placed, cover: Cover, log: RowLog) {
    this.index = index
    this.#leaf = leaf
    this.#cover = cover
    this.#log = log
  }

  get treeSize(): number {
    return this.#cover.size
  }

  get leafHash(): Uint8Array {
    return hashBytes(this.#leaf)
  }

  get checkpoint(): string {
    return this.#cover.note
  }

  proof(): Promise<readonly Uint8Array[]> {
    return this.#log.inclusionProof(this.index, this.treeSize)
  }
}

/** A log that is complete: its checkpoint is that of its size. */
type Adopted = Pick<Ledger, 'entries' | 'checkpoint'>

export interface RowLedger extends Ledger {
  /**
   * Takes over a log that was elsewhere, from the entry on at which this one ends. From its first entry here to its last
   * nobody else appends, also when this node ends in between; `by` tells them who has the rest.
   */
  adopt(from: Adopted, by: string): Promise<void>
}

export class RowLog implements RowLedger {
  readonly #parts: RowLogParts
  readonly #readable: Readable
  readonly #sequencer: Sequencer<{ answered: Answered; cover: Cover }, Acknowledgement>
  readonly #timer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(parts: RowLogParts) {
    this.#parts = parts
    const { known, rows } = parts
    this.#readable = {
      size: () => known.size,
      read: (from, to) => readEntries(rows, from, Math.min(to, known.size)),
      rangeRoot: (range) => known.rangeRoot(range),
    }
    this.#sequencer = new Sequencer<{ answered: Answered; cover: Cover }, Acknowledgement>({
      commit: async (entries) => this.#covered(await parts.writer.commit(entries)),
      answer: ({ answered, cover }, position) =>
        new Acknowledged(answered.placed[position] ?? { index: -1, leaf: '' }, cover, this),
      maxBatchBytes: MAX_BATCH_BYTES,
      maxWaitingBytes: MAX_WAITING_BYTES,
      refusal: () => parts.outage.down,
    })
    if (parts.followMs > 0) {
      this.#timer = setInterval(() => void this.refresh().catch(parts.onError), parts.followMs).unref()
    }
  }

  /** The answer of a batch is about the batch, however far others have come meanwhile. */
  #covered(answered: Answered): { answered: Answered; cover: Cover } {
    const { key, known, evidence } = this.#parts
    evidence?.later(() => known.note())
    const { committed } = answered
    if (committed !== undefined) {
      return { answered, cover: new Cover(committed.size, () => key.note(committed, committed.signature)) }
    }
    const { edge, signature } = known.head
    const head = { size: edge.range.size, root: edge.root }
    return { answered, cover: new Cover(head.size, () => key.note(head, signature)) }
  }

  get origin(): string {
    return this.#parts.key.origin
  }

  get verifierKey(): string {
    return this.#parts.key.verifierKey
  }

  /** Nothing waits behind a database that does not answer: what is on its way is settled first. */
  wentDown(error: CredenceError): void {
    this.#sequencer.refuseWaiting(error)
  }

  append(entry: Uint8Array, { patient = false } = {}): Promise<Acknowledgement> {
    return entry.length > MAX_ENTRY_BYTES ? Promise.reject(tooLarge()) : this.#sequencer.append(entry, patient)
  }

  async adopt(from: Adopted, by: string): Promise<void> {
    const { key, known, evidence } = this.#parts
    const { size, root } = key.open(from.checkpoint())
    if (size > known.size) await this.#takeOver(from, { size, root: hashBytes(root), by })
    await evidence?.write(known.note())
  }

  async #takeOver(from: Adopted, owed: Owed): Promise<void> {
    const { known, writer } = this.#parts
    const begins = async ({ size, root }: Owed): Promise<boolean> =>
      size <= owed.size && hashString(root) === (await this.#rootOf(from, size))
    await writer.owe(owed, begins)
    let waiting: Uint8Array[] = []
    const write = async (): Promise<void> => {
      if (waiting.length > 0) await writer.commit(waiting, owed)
      waiting = []
    }
    for await (const { entry } of from.entries(known.size, owed.size)) {
      waiting.push(Uint8Array.prototype.slice.call(entry))
      if (waiting.length === ADOPTED_AT_ONCE) await write()
    }
    await write()
  }

  /** Of the first `size` entries there, of which the ones that are here are known to be alike. */
  async #rootOf(from: Adopted, size: number): Promise<string> {
    const tree = new RangeBuilder(this.#parts.known.head.edge.range)
    for await (const { entry } of from.entries(this.size(), size)) {
      tree.append(leafHashOf(Buffer.concat([LEAF_PREFIX, entry])))
    }
    return tree.root()
  }

  problem(): string | undefined {
    const { known, outage, writer } = this.#parts
    return (known.fenced ?? outage.down ?? writer.owing)?.code
  }

  size(): number {
    return this.#parts.known.size
  }

  checkpoint(): string {
    return this.#parts.known.note()
  }

  async refresh(): Promise<void> {
    const { known, writer, outage, evidence } = this.#parts
    if (outage.down !== undefined) throw outage.down
    const before = known.size
    await writer.look(known)
    if (known.size > before) evidence?.later(() => known.note())
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

  async publish(): Promise<void> {
    const { evidence, known } = this.#parts
    await evidence?.write(known.note())
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { outage, evidence, onError } = this.#parts
    clearInterval(this.#timer)
    outage.closing = true
    await this.#sequencer.close()
    evidence?.stop()
    await this.publish().catch(onError)
  }
}
