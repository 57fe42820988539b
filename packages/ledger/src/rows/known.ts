/**
 * What this node knows of the log, and how it comes to know more. INVARIANT: it moves on only along entries whose tree it
 * has built itself and whose checkpoint verifies; a log that is not what it was fences the node until it starts again.
 */
import { type CredenceError, unavailable } from '@credence/kit'
import type { CheckpointKey } from '../checkpoint.ts'
import { type Edge, EMPTY_EDGE, type Grown, growEdge, tileOf } from '../tree/edge.ts'
import { hashBytes, hashString } from '../tree/hash.ts'
import type { Range } from '../tree/ranges.ts'
import { hashAt, rangeRootOf, TILE_WIDTH } from '../tree/tiles.ts'
import { openBatch, treeWith } from './frame.ts'
import type { LedgerRows, Looked, RowBatch, RowHead } from './port.ts'
import { TileCache } from './tile-cache.ts'
import type { Window } from './window.ts'

export interface KnownHead {
  readonly edge: Edge
  readonly signature: Uint8Array
}

const fence = (code: string, detail: string): CredenceError =>
  unavailable(code, 'The ledger is not what it was. It is not written before somebody has looked at it.', { detail })

export class Known {
  readonly #key: CheckpointKey
  readonly #window: Window
  readonly tiles: TileCache
  /** Told of every batch that was taken in, also of this node's own when it is found there. */
  readonly #onBatch: (batch: RowBatch) => void
  #head: KnownHead
  #fenced: CredenceError | undefined

  constructor(rows: LedgerRows, key: CheckpointKey, window: Window, onBatch: (batch: RowBatch) => void) {
    this.#key = key
    this.#window = window
    this.tiles = new TileCache(rows)
    this.#onBatch = onBatch
    this.#head = { edge: EMPTY_EDGE, signature: new Uint8Array(64) }
  }

  get head(): KnownHead {
    return this.#head
  }

  get size(): number {
    return this.#head.edge.range.size
  }

  get rowHead(): RowHead {
    const { edge, signature } = this.#head
    return { size: edge.range.size, root: hashBytes(edge.root), signature }
  }

  note(): string {
    const { edge, signature } = this.#head
    return this.#key.note({ size: edge.range.size, root: edge.root }, signature)
  }

  rangeRoot(range: Range): Promise<string> {
    const { edge } = this.#head
    return rangeRootOf((level, n) => this.#tile(edge, level, n), range)
  }

  #tile(edge: Edge, level: number, n: number): Promise<string> {
    return tileOf(edge, level, n, (l, m) =>
      this.tiles.read(l, m, async () => {
        const above = await this.#tile(edge, l + 1, Math.floor(m / TILE_WIDTH))
        return hashAt(above, m % TILE_WIDTH)
      }),
    )
  }

  get fenced(): CredenceError | undefined {
    return this.#fenced
  }

  /** A row lies where the next one belongs, and no commit can have left it there. */
  rowAtHead(): CredenceError {
    this.#fenced ??= fence('ledger_row_altered', `there is a batch at entry ${this.size}, which is the head`)
    return this.#fenced
  }

  mustNotBeFenced(): void {
    if (this.#fenced !== undefined) throw this.#fenced
  }

  start(head: KnownHead): void {
    this.#head = head
  }

  /** A batch of this node happened. Others may have told of it already. */
  accept(
    grown: Grown,
    signature: Uint8Array,
    first: number,
    entries: readonly Uint8Array[],
    leaves: readonly string[],
  ) {
    if (this.size !== first) return
    this.#keepTiles(grown)
    this.#head = { edge: grown.edge, signature }
    for (const [at, entry] of entries.entries()) this.#window.add(entry, { index: first + at, leaf: leaves[at] ?? '' })
  }

  /** Takes in what was seen. True when this node now knows the head that was seen. */
  advance({ head, batches }: Looked): boolean {
    this.mustNotBeFenced()
    try {
      return this.#advance(head, batches)
    } catch (error) {
      this.#fenced = error as CredenceError
      throw error
    }
  }

  #advance(head: RowHead, batches: readonly RowBatch[]): boolean {
    // NOTE: what was seen may be older than what this node has learnt since it asked.
    for (const batch of batches) {
      if (batch.first < this.size && batch.size <= this.size) continue
      if (batch.size <= head.size) this.#takeIn(batch)
    }
    if (batches.length === 0 && head.size > this.size) throw fence('ledger_rows_missing', `from entry ${this.size}`)
    if (head.size !== this.size) return false
    const { edge } = this.#head
    if (hashString(head.root) !== edge.root) throw fence('ledger_forked', `at size ${head.size}`)
    return true
  }

  #takeIn(batch: RowBatch): void {
    if (batch.first !== this.size) throw fence('ledger_rows_missing', `from entry ${this.size}`)
    const opened = openBatch(batch)
    if (opened === undefined) throw fence('ledger_row_altered', `the batch at entry ${batch.first}`)
    const tree = treeWith(this.#head.edge.range, opened)
    const grown = growEdge(this.#head.edge, tree)
    const { root, size, signature } = opened.frame
    if (root !== grown.edge.root) throw fence('ledger_root_differs', `after entry ${size - 1}`)
    if (!this.#key.verify({ size, root }, signature)) throw fence('ledger_signature_invalid', `at size ${size}`)
    this.#keepTiles(grown)
    this.#head = { edge: grown.edge, signature: Uint8Array.prototype.slice.call(signature) }
    for (const [at, prefixed] of opened.entries.entries()) {
      this.#window.add(prefixed.subarray(1), { index: batch.first + at, leaf: tree.leaves[at] ?? '' })
    }
    this.#onBatch(batch)
  }

  /** The head that was seen must not be behind what this node knew when it asked. */
  mustNotGoBack(before: number, head: RowHead): void {
    if (head.size >= before) return
    this.#fenced = fence('ledger_went_back', `${head.size} entries are there, ${before} were`)
    throw this.#fenced
  }

  #keepTiles({ tiles }: Grown): void {
    for (const { level, n, hashes } of tiles) this.tiles.put(level, n, hashes)
  }
}
