/** Opens a log in rows. INVARIANT: nothing is written on top of a log that was not checked to be this one. */
import { type CredenceError, type Random, refused } from '@credence/kit'
import { type CheckpointKey, checkpointKey, toSigner } from '../checkpoint.ts'
import type { FileLayer } from '../files/layer.ts'
import { nodeFiles } from '../files/node-files.ts'
import type { LedgerOptions, LedgerSigner } from '../options.ts'
import { type Edge, EMPTY_EDGE, growEdge, loadEdge } from '../tree/edge.ts'
import { hashBytes, hashString, leafHashOf } from '../tree/hash.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import { Evidence } from './evidence.ts'
import { treeWith } from './frame.ts'
import { Known } from './known.ts'
import { type RowLedger, RowLog, type RowLogParts } from './log.ts'
import type { LedgerRows, RowBatch, RowHead } from './port.ts'
import { readEntries, readOpened } from './reader.ts'
import { type SameBy, Window } from './window.ts'
import { RowWriter } from './writer.ts'

export interface RowLedgerOptions extends Pick<LedgerOptions, 'origin' | 'signer' | 'publishMs' | 'onError'> {
  readonly rows: LedgerRows
  readonly random: Random
  readonly clock: { monotonic(): number }
  /** Where this node keeps the newest checkpoint it has seen. Not in the database: it is evidence against it. */
  readonly checkpointFile?: string
  readonly files?: FileLayer
  /**
   * Two entries for which this answers the same are one, as long as the first is among the newest `remember`: the second
   * is acknowledged with the place of the first, whichever node appended it.
   */
  readonly sameBy?: SameBy
  /** Default 10,000. */
  readonly remember?: number
  /** How often a node that appends nothing looks for what others append. Default 1,000; 0: only when it is asked to. */
  readonly followMs?: number
}

interface Opening {
  readonly options: RowLedgerOptions
  readonly signer: LedgerSigner
  readonly key: CheckpointKey
  readonly window: Window
  readonly outage: RowLogParts['outage']
}

export const openRowLedger = async (options: RowLedgerOptions): Promise<RowLedger> => {
  const signer = toSigner(options.signer)
  const opening: Opening = {
    options,
    signer,
    key: checkpointKey(options.origin, signer.publicKey),
    window: new Window(options.sameBy ?? (() => undefined), options.remember ?? 10_000),
    outage: { down: undefined, closing: false },
  }
  await begin(opening)
  const { writer, onDown } = makeWriter(opening)
  const known = new Known(options.rows, opening.key, opening.window, (batch: RowBatch) => writer.sawBatch(batch))
  const { head } = await options.rows.look({ after: Number.MAX_SAFE_INTEGER, most: 1 })
  known.start({ edge: await edgeAt(opening, known, head), signature: head.signature })
  await remember(opening, known)
  const evidence = evidenceOf(options)
  await checkEvidence(opening, known, evidence)
  writer.follow(known)
  const log = new RowLog({
    ...opening,
    rows: options.rows,
    known,
    writer,
    evidence,
    followMs: options.followMs ?? 1_000,
    onError: options.onError ?? (() => undefined),
  })
  onDown.log = log
  return log
}

const makeWriter = ({ options, key, signer, window, outage }: Opening) => {
  const onDown: { log: RowLog | undefined } = { log: undefined }
  const writer = new RowWriter({
    ...options,
    key,
    signer,
    window,
    closing: () => outage.closing,
    onDown: (error: CredenceError | undefined) => {
      outage.down = error
      if (error !== undefined) onDown.log?.wentDown(error)
    },
  })
  return { writer, onDown }
}

/** The log of this origin and key, made when there is none. */
const begin = async ({ options, key, signer }: Opening): Promise<void> => {
  const empty = { size: 0, root: EMPTY_EDGE.root }
  const signature = await signer.sign(Buffer.from(key.body(empty), 'utf8'))
  const there = await options.rows.begin({ origin: key.origin, root: hashBytes(empty.root), signature })
  if (there.origin !== key.origin) throw damaged('ledger_other_origin', there.origin)
  if (!key.verify(empty, there.signature)) throw damaged('ledger_other_key', 'checkpoint of size 0')
}

/** From the tiles when they give the root that was signed, else from all entries, and then the tiles are put back. */
const edgeAt = async ({ options, key }: Opening, known: Known, head: RowHead): Promise<Edge> => {
  const root = hashString(head.root)
  if (!key.verify({ size: head.size, root }, head.signature)) {
    throw damaged('ledger_other_key', `checkpoint of size ${head.size}`)
  }
  try {
    const leaves: string[] = []
    for await (const { prefixed } of readEntries(options.rows, head.size - (head.size % TILE_WIDTH), head.size)) {
      leaves.push(leafHashOf(prefixed))
    }
    const edge = await loadEdge(head.size, leaves, (level, n) => known.tiles.stored(level, n))
    if (edge.root === root) return edge
  } catch (error) {
    options.onError?.(error)
  }
  return rebuild(options.rows, head.size, root)
}

const rebuild = async (rows: LedgerRows, size: number, root: string): Promise<Edge> => {
  let edge = EMPTY_EDGE
  for await (const batch of readOpened(rows, 0, size)) {
    const grown = growEdge(edge, treeWith(edge.range, batch))
    edge = grown.edge
    const tiles = grown.tiles.map(({ level, n, hashes }) => ({ level, n, hashes: hashBytes(hashes) }))
    if (tiles.length > 0) await rows.putTiles(tiles)
  }
  if (edge.range.size !== size || edge.root !== root) throw damaged('ledger_root_differs', `at size ${size}`)
  return edge
}

const remember = async ({ options, window }: Opening, { size }: Known): Promise<void> => {
  if (options.sameBy === undefined) return
  for await (const { index, prefixed } of readEntries(
    options.rows,
    Math.max(0, size - (options.remember ?? 10_000)),
    size,
  )) {
    window.add(prefixed.subarray(1), { index, leaf: leafHashOf(prefixed) })
  }
}

const evidenceOf = ({ checkpointFile, files, publishMs, onError }: RowLedgerOptions): Evidence | undefined =>
  checkpointFile === undefined
    ? undefined
    : new Evidence(files ?? nodeFiles(), checkpointFile, publishMs ?? 1_000, onError ?? (() => undefined))

/** What this node has seen once must still be true: not shorter, not different. */
const checkEvidence = async ({ key, options }: Opening, known: Known, evidence: Evidence | undefined) => {
  const seen = await evidence?.read(key)
  if (seen === undefined) return
  const file = options.checkpointFile ?? ''
  if (seen.size > known.size) {
    throw damaged('ledger_truncated', `${known.size} entries are there, ${file} says ${seen.size}`)
  }
  const root = seen.size === 0 ? EMPTY_EDGE.root : await known.rangeRoot([0, seen.size])
  if (root !== seen.root) throw damaged('ledger_forked', `at size ${seen.size} of ${file}`)
}

const damaged = (code: string, detail: string) =>
  refused(code, `The ledger in the database is not the one that belongs here (${detail}).`, { detail })
