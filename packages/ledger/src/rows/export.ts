/** A log in rows as files: the same bytes in segments, for whoever examines it without the database. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { refused } from '@credence/kit'
import { decodeFrame, encodeHeader, HEADER_BYTES, type SegmentHeader, segmentName } from '../segment/format.ts'
import { EMPTY_ROOT } from '../tree/hash.ts'
import type { LedgerRows, RowBatch, RowOrigin } from './port.ts'
import { readBatches } from './reader.ts'

const SEGMENT_BYTES = 16 << 20

export interface ExportSource {
  readonly origin: RowOrigin
  /** The newest checkpoint, as a note, and its size: read before the batches. */
  readonly checkpoint: string
  readonly size: number
  readonly rows: Pick<LedgerRows, 'batches'>
}

type Start = Pick<SegmentHeader, 'size' | 'root' | 'signature'>

/** What the tree was after these bytes, as they say themselves; when they say nothing, the next segment says so too. */
const after = (batch: RowBatch, before: Start): Start => {
  const frame = decodeFrame(Buffer.from(batch.frame), 0)
  return frame === undefined ? before : { size: frame.size, root: frame.root, signature: Buffer.from(frame.signature) }
}

/**
 * Copies everything up to the checkpoint into `dir`, which must not hold a log. INVARIANT: nothing is judged and nothing
 * made right here, so that the examination of the copy is one of the rows.
 */
export const exportLog = async ({ origin, checkpoint, size, rows }: ExportSource, dir: string): Promise<void> => {
  const folder = join(dir, 'segments')
  await makeNew(folder)
  let start: Start = { size: 0, root: EMPTY_ROOT, signature: origin.signature }
  let end = start
  let frames: Uint8Array[] = []
  let bytes = HEADER_BYTES
  let number = 0
  const write = async (): Promise<void> => {
    const header = encodeHeader({ number, length: bytes, ...start }, origin.origin)
    await writeFile(join(folder, segmentName(number)), Buffer.concat([header, ...frames]))
    number += 1
    start = end
    frames = []
    bytes = HEADER_BYTES
  }
  for await (const batch of readBatches(rows, 0, size)) {
    if (frames.length > 0 && bytes + batch.frame.length > SEGMENT_BYTES) await write()
    frames.push(batch.frame)
    bytes += batch.frame.length
    end = after(batch, end)
  }
  if (frames.length > 0 || number === 0) await write()
  await writeFile(join(dir, 'checkpoint.tmp'), checkpoint)
  await rename(join(dir, 'checkpoint.tmp'), join(dir, 'checkpoint'))
}

const makeNew = async (folder: string): Promise<void> => {
  try {
    await mkdir(join(folder, '..'), { recursive: true })
    await mkdir(folder)
  } catch (cause) {
    throw refused('export_exists', `${folder} exists already. Name a folder that does not.`, { cause })
  }
}
