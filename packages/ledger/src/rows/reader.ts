/** Entries out of rows, in portions. */
import { type CredenceError, unavailable } from '@credence/kit'
import type { StoredEntry } from '../segment/segments.ts'
import { type OpenedBatch, openBatch } from './frame.ts'
import type { LedgerRows, RowBatch } from './port.ts'

const PORTION_BYTES = 2 << 20
const MOST_BATCHES = 1_024
const FIRST_PORTION = 64

export const corrupt = (detail: string): CredenceError =>
  unavailable('ledger_corrupt', 'A part of the ledger cannot be read.', { detail })

/** As many batches as fit a portion, guessed from the last portion. */
const nextMost = (portion: readonly RowBatch[], most: number): number => {
  const bytes = portion.reduce((sum, { frame }) => sum + frame.length, 0)
  return Math.max(1, Math.min(MOST_BATCHES, Math.floor((most * PORTION_BYTES) / Math.max(bytes, 1)), most * 4))
}

/** Every batch that holds one of the entries, in order and without a gap. */
export async function* readBatches(
  rows: Pick<LedgerRows, 'batches'>,
  from: number,
  to: number,
): AsyncGenerator<RowBatch> {
  let most = FIRST_PORTION
  for (let next = from; next < to; ) {
    const portion = await rows.batches(next, to, most)
    if (portion.length === 0) throw corrupt(`no batch has entry ${next}`)
    for (const batch of portion) {
      if (batch.first > next || batch.size <= next) throw corrupt(`no batch has entry ${next}`)
      next = batch.size
      yield batch
    }
    most = nextMost(portion, most)
  }
}

export async function* readOpened(
  rows: Pick<LedgerRows, 'batches'>,
  from: number,
  to: number,
): AsyncGenerator<OpenedBatch> {
  for await (const batch of readBatches(rows, from, to)) {
    const opened = openBatch(batch)
    if (opened === undefined) throw corrupt(`the batch at ${batch.first} is damaged`)
    yield opened
  }
}

export async function* readEntries(
  rows: Pick<LedgerRows, 'batches'>,
  from: number,
  to: number,
): AsyncGenerator<StoredEntry> {
  for await (const { first, entries } of readOpened(rows, from, to)) {
    for (const [i, prefixed] of entries.entries()) {
      const index = first + i
      if (index >= from && index < to) yield { index, prefixed }
    }
  }
}
