import { join } from 'node:path'
import { bug, refused } from '@credence/kit'
import { type CheckpointKey, checkpointKey, toSigner } from './checkpoint.ts'
import type { FileLayer } from './files/layer.ts'
import { isMissing, nodeFiles } from './files/node-files.ts'
import { readFile, writeAll } from './files/whole.ts'
import { acquireLock } from './lock.ts'
import { Log } from './log.ts'
import type { EmbeddedLedger, LedgerOptions, LedgerSigner } from './options.ts'
import { Publisher } from './publisher.ts'
import { encodeHeader, FRAME_OVERHEAD, HEADER_BYTES, type SegmentHeader, segmentName } from './segment/format.ts'
import { damaged, readHeaders, type Scanned, scanSegment } from './segment/recover.ts'
import { Segments } from './segment/segments.ts'
import { prepareSegment, publishSegment, SegmentWriter, segmentLength, zero } from './segment/writer.ts'
import { type CompactRange, EMPTY_RANGE, rangeRoot } from './tree/compact-range.ts'
import { EMPTY_ROOT } from './tree/hash.ts'
import { loadRange } from './tree/load.ts'
import { TileStore } from './tree/tiles.ts'

const DEFAULT_SEGMENT_BYTES = 16 << 20
const MAX_BATCH_BYTES = 512 << 10
/** A batch ends before the entry that would make it too large, so that one entry always fits. */
const MAX_FRAME_BYTES = MAX_BATCH_BYTES + FRAME_OVERHEAD + 65_535 + 3

/** What all steps of opening need. */
interface Opening {
  readonly files: FileLayer
  readonly dir: string
  readonly segmentsDir: string
  readonly key: CheckpointKey
  readonly signer: LedgerSigner
  readonly maxSegmentBytes: number
  readonly publishMs: number
  readonly onError: (error: unknown) => void
}

/**
 * Opens or creates the log in a directory.
 *
 * INVARIANT: nothing on disk is changed before everything was checked; files that are not this log, damaged in the
 * middle, or shorter than their own published checkpoint are refused.
 */
export const openLedger = async (options: LedgerOptions): Promise<EmbeddedLedger> => {
  const signer = toSigner(options.signer)
  const opening: Opening = {
    files: options.files ?? nodeFiles(),
    dir: options.dir,
    segmentsDir: join(options.dir, 'segments'),
    key: checkpointKey(options.origin, signer.publicKey),
    signer,
    maxSegmentBytes: options.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
    publishMs: options.publishMs ?? 1_000,
    onError: options.onError ?? (() => undefined),
  }
  if (opening.maxSegmentBytes < 1 << 20) throw bug('ledger_segment_bytes', 'a segment has at least 1 MiB')
  await opening.files.makeDirectory(opening.segmentsDir)
  const lock = acquireLock(options.dir)
  try {
    return await open(opening, lock.release)
  } catch (error) {
    lock.release()
    throw error
  }
}

const open = async (opening: Opening, release: () => void): Promise<EmbeddedLedger> => {
  const { files, dir, segmentsDir, key } = opening
  const headers = await headersOf(opening)
  const last = headers.at(-1)
  if (last === undefined) throw bug('ledger_headers', 'no segment after making one')
  checkSignature(key, last, last.signature)

  const tiles = new TileStore(files, dir)
  const segments = new Segments(files, segmentsDir)
  for (const header of headers.slice(0, -1)) segments.addSegment(header.number, header.size)
  segments.addActive(last.number, last.size)
  const publisher = new Publisher({ ...opening, tiles, read: (from, to) => segments.readRuns(from, to) })

  const start = await treeAt(opening, headers, tiles, segments)
  const scanned = await scanSegment(files, segmentsDir, last, start, MAX_FRAME_BYTES)
  const head = { size: scanned.range.size, root: rangeRoot(scanned.range.stack) }
  checkSignature(key, head, scanned.signature)
  tiles.add(scanned)
  for (const frame of scanned.frames) await segments.addFrame(frame.first, frame.offset, frame.size)
  await checkPublished(opening, tiles, head.size)

  const writer = await openWriter(opening, last, scanned, segments)
  const log = new Log({
    ...opening,
    writer,
    segments,
    tiles,
    publisher,
    droppedBytes: scanned.dirtyUntil - scanned.offset,
    maxBatchBytes: MAX_BATCH_BYTES,
    release,
  })
  publisher.complete(last.size).catch(() => undefined)
  log.publish().catch(() => undefined)
  return log
}

const headersOf = async (opening: Opening): Promise<SegmentHeader[]> => {
  const headers = await readHeaders(opening.files, opening.segmentsDir, opening.key)
  if (headers.length > 0) return headers
  if (((await publishedCheckpoint(opening))?.size ?? 0) > 0) throw damaged('ledger_truncated', 'no segments')
  return [await createFirst(opening)]
}

const createFirst = async ({ files, segmentsDir, key, signer, maxSegmentBytes }: Opening): Promise<SegmentHeader> => {
  const head = { size: 0, root: EMPTY_ROOT }
  const signature = await signer.sign(Buffer.from(key.body(head), 'utf8'))
  const header = { number: 0, length: segmentLength(0, maxSegmentBytes), ...head, signature }
  const file = await prepareSegment(files, segmentsDir, header.length)
  try {
    await writeAll(file, encodeHeader(header, key.origin), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await publishSegment(files, segmentsDir, 0)
  return header
}

/** The tree with which the last segment began: from the tiles when they give the root that was signed, else from all entries. */
const treeAt = async (
  { files, segmentsDir, onError }: Opening,
  headers: readonly SegmentHeader[],
  tiles: TileStore,
  segments: Segments,
): Promise<CompactRange> => {
  const last = headers.at(-1)
  if (last === undefined || last.size === 0) return EMPTY_RANGE
  try {
    const range = await loadRange(tiles, (from, to) => segments.read(from, to), last.size)
    if (rangeRoot(range.stack) === last.root) return range
  } catch (error) {
    onError(error)
  }
  tiles.reset()
  let range = EMPTY_RANGE
  for (const header of headers.slice(0, -1)) {
    const scanned = await scanSegment(files, segmentsDir, header, range, 0)
    tiles.add(scanned)
    range = scanned.range
  }
  return range
}

const checkSignature = (key: CheckpointKey, head: { size: number; root: string }, signature: Uint8Array): void => {
  if (!key.verify(head, signature)) throw damaged('ledger_other_key', `checkpoint of size ${head.size}`)
}

const publishedCheckpoint = async ({
  files,
  dir,
  key,
}: Opening): Promise<{ size: number; root: string } | undefined> => {
  let note: Buffer
  try {
    note = await readFile(files, join(dir, 'checkpoint'))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    return key.open(note.toString('utf8'))
  } catch (cause) {
    throw refused('ledger_checkpoint_foreign', 'The published checkpoint is not one of this ledger.', { cause })
  }
}

/** What we published once must still be true: not shorter, not different. */
const checkPublished = async (opening: Opening, tiles: TileStore, size: number): Promise<void> => {
  const published = await publishedCheckpoint(opening)
  if (published === undefined) return
  if (published.size > size) throw damaged('ledger_truncated', `${size} of ${published.size} entries are there`)
  const root = published.size === 0 ? EMPTY_ROOT : await tiles.rangeRoot([0, published.size])
  if (root !== published.root) throw damaged('ledger_forked', `at size ${published.size}`)
}

const openWriter = async (
  opening: Opening,
  last: SegmentHeader,
  scanned: Scanned,
  segments: Segments,
): Promise<SegmentWriter> => {
  const { files, segmentsDir } = opening
  const file = await files.open(join(segmentsDir, segmentName(last.number)), 'write')
  await zero(file, scanned.offset, scanned.dirtyUntil)
  await file.sync()
  const position = {
    range: scanned.range,
    signature: scanned.signature,
    segment: last.number,
    segmentLength: last.length,
    offset: Math.max(scanned.offset, HEADER_BYTES),
  }
  return new SegmentWriter(
    { ...opening, dir: segmentsDir, onSegment: (number, first) => segments.addActive(number, first) },
    position,
    file,
  )
}
