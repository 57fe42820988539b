/** The segments of a log as one sequence of entries. */
import { join } from 'node:path'
import { unavailable } from '@credence/kit'
import type { FileLayer, LogFile } from '../files/layer.ts'
import { readAt } from '../files/whole.ts'
import { decodeFrame, FRAME_OVERHEAD, HEADER_BYTES, prefixedEntries, segmentName } from './format.ts'

/** Where the frames of one segment are: first entry and offset of each. */
interface FrameTable {
  readonly first: number[]
  readonly offset: number[]
}

interface Segment {
  readonly number: number
  readonly first: number
  file?: Promise<LogFile>
  users: number
  table?: Promise<FrameTable>
}

/** The position of the last element that is not above `value`; the list rises. */
const lastAtMost = (list: readonly number[], value: number): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle] ?? Number.POSITIVE_INFINITY) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}

const corrupt = (detail: string) => unavailable('ledger_corrupt', 'A part of the ledger cannot be read.', { detail })

/** A leaf with its prefix, as it lies in a frame. */
export interface StoredEntry {
  readonly index: number
  readonly prefixed: Buffer
}

export interface StoredRun {
  readonly first: number
  readonly entries: readonly Buffer[]
}

export class Segments {
  readonly #files: FileLayer
  readonly #dir: string
  readonly #segments: Segment[] = []
  readonly #firsts: number[] = []
  #size = 0

  constructor(files: FileLayer, dir: string) {
    this.#files = files
    this.#dir = dir
  }

  /** Entries that may be read: those that are durable. */
  get size(): number {
    return this.#size
  }

  addSegment(number: number, first: number): void {
    this.#segments.push({ number, first, users: 0 })
    this.#firsts.push(first)
    this.#size = first
  }

  /** The segment that is written to: its frames are known without reading. */
  addActive(number: number, first: number): void {
    this.addSegment(number, first)
    const segment = this.#segments.at(-1)
    if (segment !== undefined) segment.table = Promise.resolve({ first: [], offset: [] })
  }

  async addFrame(first: number, offset: number, size: number): Promise<void> {
    const table = await this.#segments.at(-1)?.table
    table?.first.push(first)
    table?.offset.push(offset)
    this.#size = size
  }

  async *read(from: number, to: number): AsyncGenerator<StoredEntry> {
    for await (const { first, entries } of this.readRuns(from, to)) {
      for (const [i, prefixed] of entries.entries()) yield { index: first + i, prefixed }
    }
  }

  /** The same in the pieces in which it was written, which spares a promise for every entry. */
  async *readRuns(from: number, to: number): AsyncGenerator<StoredRun> {
    let next = from
    const end = Math.min(to, this.#size)
    while (next < end) {
      const position = lastAtMost(this.#firsts, next)
      const segment = this.#segments[position]
      if (segment === undefined) throw corrupt(`no segment has entry ${next}`)
      const { first, entries } = await this.#frameOf(segment, next)
      const run = entries.slice(next - first, end - first)
      yield { first: next, entries: run }
      next += run.length
    }
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) {
      const file = segment.file
      delete segment.file
      if (file !== undefined) await (await file).close()
    }
  }

  #frameOf(segment: Segment, index: number): Promise<{ first: number; entries: Buffer[] }> {
    return this.#using(segment, async (file) => {
      const table = await this.#table(segment, file)
      const position = lastAtMost(table.first, index)
      const first = table.first[position]
      const offset = table.offset[position]
      if (first === undefined || offset === undefined) throw corrupt(`no frame has entry ${index}`)
      const head = await readAt(file, offset, FRAME_OVERHEAD)
      const bytes = await readAt(file, offset, FRAME_OVERHEAD + (head.length < 12 ? 0 : head.readUInt32BE(8)))
      const frame = decodeFrame(bytes, 0)
      const entries = frame === undefined ? undefined : prefixedEntries(bytes, 0, frame)
      if (entries === undefined || index - first >= entries.length) throw corrupt(`entry ${index} is damaged`)
      return { first, entries }
    })
  }

  async #table(segment: Segment, file: LogFile): Promise<FrameTable> {
    segment.table ??= this.#scan(segment, file)
    try {
      return await segment.table
    } catch (error) {
      delete segment.table
      throw error
    }
  }

  async #scan(segment: Segment, file: LogFile): Promise<FrameTable> {
    const bytes = await readAt(file, 0, await file.size())
    const table: FrameTable = { first: [], offset: [] }
    let at = HEADER_BYTES
    let first = segment.first
    for (let frame = decodeFrame(bytes, at); frame !== undefined; frame = decodeFrame(bytes, at)) {
      table.first.push(first)
      table.offset.push(at)
      first = frame.size
      at += frame.bytes
    }
    return table
  }

  /** The two newest segments stay open; an older one is open while somebody reads it. */
  async #using<T>(segment: Segment, use: (file: LogFile) => Promise<T>): Promise<T> {
    segment.users += 1
    try {
      return await use(await this.#open(segment))
    } finally {
      segment.users -= 1
      const file = segment.file
      if (segment.users === 0 && file !== undefined && segment.number < this.#segments.length - 2) {
        delete segment.file
        await (await file).close()
      }
    }
  }

  async #open(segment: Segment): Promise<LogFile> {
    segment.file ??= this.#files.open(join(this.#dir, segmentName(segment.number)), 'read')
    try {
      return await segment.file
    } catch (error) {
      delete segment.file
      throw error
    }
  }
}
