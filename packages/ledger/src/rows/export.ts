/** A log in rows as files: the same bytes in segments, for whoever examines it without the database. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { refused } from '@credence/kit'
import { checkpointKey, toVerifier } from '../checkpoint.ts'
import { decodeFrame, encodeHeader, HEADER_BYTES, type SegmentHeader, segmentName } from '../segment/format.ts'
import { EMPTY_ROOT, hashString } from '../tree/hash.ts'
import { openBatch } from './frame.ts'
import type { LedgerRows, RowBatch, RowOrigin } from './port.ts'

const SEGMENT_BYTES = 16 << 20
const AT_ONCE = 256

export interface ExportSource {
  readonly origin: RowOrigin
  readonly rows: Pick<LedgerRows, 'look'>
  /** The log's C2SP verifier key: its newest checkpoint is then written beside the segments. */
  readonly key?: string
}

type Start = Pick<SegmentHeader, 'size' | 'root' | 'signature'>

/** What the tree was after these bytes, as they say themselves; when they say nothing, the next segment says so too. */
const after = (batch: RowBatch, before: Start): Start => {
  const frame = decodeFrame(Buffer.from(batch.frame), 0)
  if (frame === undefined) return before
  if (openBatch(batch) === undefined) {
    throw refused('ledger_row_altered', `The row of the batch at entry ${batch.first} says otherwise than its frame.`)
  }
  return { size: frame.size, root: frame.root, signature: Buffer.from(frame.signature) }
}

/**
 * Copies what the head covers into `dir`, which must not hold a log. INVARIANT: nothing is judged and nothing made right
 * here, so that the examination of the copy is one of the rows; what is missing there is missing here.
 */
export const exportLog = async ({ origin, rows, key }: ExportSource, dir: string): Promise<void> => {
  const { head } = await rows.look({ after: Number.MAX_SAFE_INTEGER, most: 1 })
  const segments = await segmentFiles(dir, origin)
  for await (const batch of batchesBelow(rows, head.size)) await segments.add(batch)
  await segments.end()
  if (key === undefined) return
  const tree = { size: head.size, root: hashString(head.root) }
  const note = checkpointKey(origin.origin, toVerifier(key).publicKey).note(tree, head.signature)
  await writeFile(join(dir, 'checkpoint.tmp'), note)
  await rename(join(dir, 'checkpoint.tmp'), join(dir, 'checkpoint'))
}

async function* batchesBelow(rows: Pick<LedgerRows, 'look'>, size: number): AsyncGenerator<RowBatch> {
  for (let next = 0; ; ) {
    const { batches } = await rows.look({ after: next, most: AT_ONCE })
    for (const batch of batches) {
      if (batch.first >= size) return
      yield batch
      next = batch.first + 1
    }
    if (batches.length === 0) return
  }
}

const segmentFiles = async (dir: string, { origin, signature }: RowOrigin) => {
  const folder = join(dir, 'segments')
  await makeNew(folder)
  let start: Start = { size: 0, root: EMPTY_ROOT, signature }
  let end = start
  let frames: Uint8Array[] = []
  let bytes = HEADER_BYTES
  let number = 0
  const write = async (): Promise<void> => {
    const header = encodeHeader({ number, length: bytes, ...start }, origin)
    await writeFile(join(folder, segmentName(number)), Buffer.concat([header, ...frames]))
    number += 1
    start = end
    frames = []
    bytes = HEADER_BYTES
  }
  return {
    add: async (batch: RowBatch): Promise<void> => {
      if (frames.length > 0 && bytes + batch.frame.length > SEGMENT_BYTES) await write()
      frames.push(batch.frame)
      bytes += batch.frame.length
      end = after(batch, end)
    },
    end: async (): Promise<void> => {
      if (frames.length > 0 || number === 0) await write()
    },
  }
}

const makeNew = async (folder: string): Promise<void> => {
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
    await mkdir(folder, { mode: 0o700 })
  } catch (cause) {
    throw refused('export_exists', `${folder} exists already. Name a folder that holds no ledger.`, { cause })
  }
}
