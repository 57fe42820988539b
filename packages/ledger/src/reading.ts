/** Reading and proving, the same for every store: a store says what its entries and subtrees are. */
import { bug, refused } from '@credence/kit'
import type { StoredEntry } from './segment/segments.ts'
import { hashBytes } from './tree/hash.ts'
import { consistencyRanges, inclusionRanges, type Range } from './tree/ranges.ts'
import { TILE_WIDTH } from './tree/tiles.ts'

export interface Readable {
  size(): number
  read(from: number, to: number): AsyncIterable<StoredEntry>
  rangeRoot(range: Range): Promise<string>
}

export const tooLarge = () =>
  refused('ledger_entry_too_large', 'An entry of the ledger has at most 65,535 bytes.', { status: 413 })

const outOfRange = (value: number) =>
  Number.isSafeInteger(value)
    ? refused('ledger_out_of_range', 'The ledger has no such entry or size.', { status: 404 })
    : bug('ledger_range', `not an index or a size: ${value}`)

const checkSize = (treeSize: number, { size }: Readable): void => {
  if (!Number.isSafeInteger(treeSize) || treeSize < 0 || treeSize > size()) throw outOfRange(treeSize)
}

export async function* entriesOf(
  log: Readable,
  from: number,
  to: number,
): AsyncGenerator<{ readonly index: number; readonly entry: Uint8Array }> {
  if (!Number.isSafeInteger(from) || from < 0) throw outOfRange(from)
  for await (const { index, prefixed } of log.read(from, to)) yield { index, entry: prefixed.subarray(1) }
}

export const entryOf = async (log: Readable, index: number): Promise<Uint8Array> => {
  for await (const { entry } of entriesOf(log, index, index + 1)) return entry
  throw outOfRange(index)
}

export const bundleOf = async (log: Readable, n: number, width: number = TILE_WIDTH): Promise<Uint8Array> => {
  const first = n * TILE_WIDTH
  if (!Number.isSafeInteger(n) || n < 0) throw outOfRange(n)
  if (!(width >= 1 && width <= TILE_WIDTH && first + width <= log.size())) throw outOfRange(first + width)
  const pieces: Uint8Array[] = []
  for await (const { prefixed } of log.read(first, first + width)) {
    const length = Buffer.allocUnsafe(2)
    length.writeUInt16BE(prefixed.length - 1)
    pieces.push(length, prefixed.subarray(1))
  }
  return Buffer.concat(pieces)
}

const hashesOf = async (log: Readable, ranges: readonly Range[]): Promise<Uint8Array[]> => {
  const roots = await Promise.all(ranges.map((range) => log.rangeRoot(range)))
  return roots.map(hashBytes)
}

export const inclusionProofOf = async (log: Readable, index: number, treeSize: number): Promise<Uint8Array[]> => {
  checkSize(treeSize, log)
  if (!Number.isSafeInteger(index) || index < 0 || index >= treeSize) throw outOfRange(index)
  return hashesOf(log, inclusionRanges(index, treeSize))
}

export const consistencyProofOf = async (log: Readable, from: number, to: number): Promise<Uint8Array[]> => {
  checkSize(to, log)
  if (!Number.isSafeInteger(from) || from < 0 || from > to) throw outOfRange(from)
  return hashesOf(log, consistencyRanges(from, to))
}
