/** Offline examination of a log directory: no network, no database, nothing of what wrote it. */
import type { KeyObject } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isCredenceError, refused } from '@credence/kit'
import { type CheckpointKey, checkpointKey, type TreeHead, toVerifier } from './checkpoint.ts'
import { isMissing } from './files/node-files.ts'
import {
  decodeFrame,
  decodeHeader,
  ENTRY_OVERHEAD,
  endOfData,
  FRAME_MAGIC,
  FRAME_OVERHEAD,
  type Frame,
  HEADER_BYTES,
  prefixedEntries,
  SEGMENT_NAME,
  segmentName,
} from './segment/format.ts'
import { EMPTY_RANGE, RangeBuilder } from './tree/compact-range.ts'
import { EMPTY_ROOT, leafHashOf } from './tree/hash.ts'
import { hashTilePath, TILE_WIDTH } from './tree/tiles.ts'

export interface FirstBad {
  readonly file: string
  /** Bytes `offset` to `offset + length` of the file. */
  readonly offset: number
  readonly length: number
  /** First entry that is lost or altered, where it can be told. */
  readonly index?: number
  /** `frame_altered`, `root_differs`, `signature_invalid`, `truncated`, `foreign_bytes`, ... */
  readonly reason: string
}

export interface LedgerVerdict {
  readonly sound: boolean
  /** Entries that are good, from the first on. */
  readonly size: number
  /** base64, as in a checkpoint. */
  readonly root: string
  readonly origin: string
  /** Signed checkpoints that were checked. */
  readonly checkpoints: number
  readonly firstBad?: FirstBad
}

export interface VerifyOptions {
  /** Texts of checkpoints that were kept elsewhere: they show truncation and rewriting by the holder of the key. */
  readonly against?: string | readonly string[]
  /** The origin that the log must have. Needed when the key is given without a name. */
  readonly origin?: string
  /** Sees every entry that is covered by a good commit, in order. */
  readonly onEntry?: (index: number, entry: Uint8Array) => void
}

class Bad extends Error {
  readonly found: FirstBad
  constructor(found: FirstBad) {
    super(found.reason)
    this.found = found
  }
}

const bad = (file: string, reason: string, offset: number, length: number, index?: number): Bad =>
  new Bad({ file, offset, length, reason, ...(index === undefined ? {} : { index }) })

/** The state of one examination. */
interface Examination {
  readonly dir: string
  readonly key: CheckpointKey
  readonly tree: RangeBuilder
  /** Checkpoints found outside the segments, by name. */
  readonly kept: readonly { readonly file: string; readonly head: TreeHead }[]
  readonly onEntry: (index: number, entry: Uint8Array) => void
  checkpoints: number
  good: TreeHead
}

/** `key`: the log's Ed25519 public key together with `options.origin`, or its C2SP verifier key. */
export const verifyLedger = async (
  dir: string,
  key: KeyObject | string,
  options: VerifyOptions = {},
): Promise<LedgerVerdict> => {
  const verifier = toVerifier(key)
  const origin = options.origin ?? verifier.origin
  if (origin === undefined) throw refused('verify_origin', 'The origin of the log is needed beside its key.')
  if (verifier.origin !== undefined && verifier.origin !== origin) {
    throw refused('verify_origin', 'The verifier key is of another log.')
  }
  const examination: Examination = {
    dir,
    key: checkpointKey(origin, verifier.publicKey),
    tree: new RangeBuilder(EMPTY_RANGE),
    kept: [],
    onEntry: options.onEntry ?? (() => undefined),
    checkpoints: 0,
    good: { size: 0, root: EMPTY_ROOT },
  }
  return examine(examination, listOf(options.against))
}

const listOf = (against: VerifyOptions['against'] = []): readonly string[] =>
  typeof against === 'string' ? [against] : against

const examine = async (initial: Examination, against: readonly string[]): Promise<LedgerVerdict> => {
  let examination = initial
  const verdict = (firstBad?: FirstBad): LedgerVerdict => ({
    sound: firstBad === undefined,
    size: examination.good.size,
    root: Buffer.from(examination.good.root, 'latin1').toString('base64'),
    origin: examination.key.origin,
    checkpoints: examination.checkpoints,
    ...(firstBad === undefined ? {} : { firstBad }),
  })
  try {
    examination = { ...initial, kept: await keptCheckpoints(initial, against) }
    await examineSegments(examination)
    for (const { file, head } of examination.kept) {
      if (head.size > examination.good.size) throw bad(file, 'truncated', 0, 0, examination.good.size)
    }
    return verdict()
  } catch (error) {
    if (error instanceof Bad) return verdict(error.found)
    throw error
  }
}

/** INVARIANT: read before the segments, so that a log that grows meanwhile cannot look truncated. */
const keptCheckpoints = async ({ dir, key }: Examination, against: readonly string[]) => {
  const kept: { file: string; head: TreeHead }[] = []
  const keep = (file: string, note: string) => {
    try {
      kept.push({ file, head: key.open(note) })
    } catch (error) {
      throw bad(file, isCredenceError(error) ? error.code : 'checkpoint_malformed', 0, note.length)
    }
  }
  for (const note of against) keep('(kept checkpoint)', note)
  try {
    keep('checkpoint', await readFile(join(dir, 'checkpoint'), 'utf8'))
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return kept
}

const examineSegments = async (examination: Examination): Promise<void> => {
  checkKept(examination, 0, EMPTY_ROOT)
  const names = await segmentNames(examination.dir)
  if (names.length === 0) throw bad('segments', 'missing', 0, 0, 0)
  for (const [number, name] of names.entries()) {
    const file = `segments/${name}`
    if (!SEGMENT_NAME.test(name)) throw bad(file, 'foreign_file', 0, 0)
    if (name !== segmentName(number))
      throw bad(`segments/${segmentName(number)}`, 'missing', 0, 0, examination.good.size)
    await examineSegment(examination, file, number, number === names.length - 1)
  }
}

const segmentNames = async (dir: string): Promise<string[]> => {
  try {
    return (await readdir(join(dir, 'segments'))).filter((name) => name !== 'spare.tmp').sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

const examineSegment = async (
  examination: Examination,
  file: string,
  number: number,
  newest: boolean,
): Promise<void> => {
  const path = join(examination.dir, file)
  let bytes = await readFile(path)
  examineHeader(examination, bytes, file, number)
  let at = HEADER_BYTES
  for (let patience = newest ? PATIENCE : 0; ; ) {
    const frame = decodeFrame(bytes, at)
    if (frame !== undefined) {
      examineFrame(examination, bytes, file, at, frame)
      at += frame.bytes
      continue
    }
    if (endOfData(bytes, at) === at) return
    if (patience === 0) throw await damagedFrame(examination, bytes, file, at)
    // A log that is being written may be read in the middle of a write: then the same place is whole a moment later.
    await wait(20)
    const before = bytes
    bytes = await readFile(path)
    patience = bytes.equals(before) ? patience - 1 : PATIENCE
  }
}

/** How often a place may look the same before it counts as damaged. */
const PATIENCE = 2

const examineHeader = (examination: Examination, bytes: Buffer, file: string, number: number): void => {
  const { tree, key, good } = examination
  const header = decodeHeader(bytes, key.origin)
  if (typeof header === 'string') throw bad(file, header, 0, HEADER_BYTES, good.size)
  if (header.number !== number) throw bad(file, 'segment_swapped', 0, HEADER_BYTES, good.size)
  if (header.length !== bytes.length)
    throw bad(file, 'length_differs', Math.min(header.length, bytes.length), 0, good.size)
  if (header.size !== tree.size || header.root !== good.root)
    throw bad(file, 'root_differs', 0, HEADER_BYTES, good.size)
  if (!key.verify(header, header.signature)) throw bad(file, 'signature_invalid', 0, HEADER_BYTES, good.size)
}

const examineFrame = (examination: Examination, bytes: Buffer, file: string, at: number, frame: Frame): void => {
  const { tree, key } = examination
  const first = tree.size
  const entries = prefixedEntries(bytes, at, frame)
  if (entries === undefined) throw bad(file, 'frame_malformed', at, frame.bytes, first)
  for (const entry of entries) {
    tree.append(leafHashOf(entry))
    if (isKeptSize(examination, tree.size)) checkKept(examination, tree.size, tree.root())
  }
  tree.nodes.length = 0
  tree.leaves.length = 0
  if (tree.size !== frame.size || tree.root() !== frame.root) throw bad(file, 'root_differs', at, frame.bytes, first)
  if (!key.verify(frame, frame.signature)) throw bad(file, 'signature_invalid', at, frame.bytes, first)
  for (const [i, entry] of entries.entries()) examination.onEntry(first + i, entry.subarray(1))
  examination.checkpoints += 1
  examination.good = { size: frame.size, root: frame.root }
}

const isKeptSize = ({ kept }: Examination, size: number): boolean => kept.some(({ head }) => head.size === size)

const checkKept = ({ kept }: Examination, size: number, root: string): void => {
  for (const { file, head } of kept) {
    if (head.size === size && head.root !== root) throw bad(file, 'history_differs', 0, 0)
  }
}

/** The checksum says that the frame is bad; the tiles, where they are there, say which entry. */
const damagedFrame = async ({ dir, tree }: Examination, bytes: Buffer, file: string, at: number): Promise<Bad> => {
  const end = endOfData(bytes, at)
  const length = claimedLength(bytes, at, end)
  if (length === undefined) return bad(file, 'frame_altered', at, end - at, tree.size)
  let offset = at + FRAME_OVERHEAD
  for (let index = tree.size; offset + ENTRY_OVERHEAD <= at + length; index += 1) {
    const stop = offset + ENTRY_OVERHEAD + bytes.readUInt16BE(offset)
    const wanted = await publishedLeaf(dir, index)
    if (wanted === undefined) break
    if (stop > at + length || leafHashOf(bytes.subarray(offset + 2, stop)) !== wanted) {
      return bad(file, 'entry_altered', offset, Math.min(stop, at + length) - offset, index)
    }
    offset = stop
  }
  return bad(file, 'frame_altered', at, length, tree.size)
}

/** The length a frame gives itself, when another frame or nothing follows there. */
const claimedLength = (bytes: Buffer, at: number, end: number): number | undefined => {
  if (at + FRAME_OVERHEAD > bytes.length) return undefined
  const next = at + FRAME_OVERHEAD + bytes.readUInt32BE(at + 8)
  const followed = next + 4 <= bytes.length && bytes.compare(FRAME_MAGIC, 0, 4, next, next + 4) === 0
  return next === end || followed ? next - at : undefined
}

/** NOTE: a hint for the message only; a published tile is not evidence. */
const publishedLeaf = async (dir: string, index: number): Promise<string | undefined> => {
  const n = Math.floor(index / TILE_WIDTH)
  const at = (index % TILE_WIDTH) * 32
  try {
    return (await readFile(join(dir, hashTilePath(0, n)))).toString('latin1', at, at + 32)
  } catch {
    return partialLeaf(join(dir, `${hashTilePath(0, n)}.p`), at)
  }
}

const partialLeaf = async (folder: string, at: number): Promise<string | undefined> => {
  try {
    const widest = (await readdir(folder))
      .map(Number)
      .filter(Number.isInteger)
      .sort((a, b) => b - a)[0]
    const leaf = (await readFile(join(folder, String(widest)))).toString('latin1', at, at + 32)
    return leaf.length === 32 ? leaf : undefined
  } catch {
    return undefined
  }
}
