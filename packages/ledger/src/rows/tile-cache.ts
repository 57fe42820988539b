/**
 * The tiles that were needed or made last, and the stored ones behind them. INVARIANT: a stored tile is believed when its
 * root is the one that the tile above it has, up to the edge, whose root is signed. Every other is made from the entries.
 */
import { unavailable } from '@credence/kit'
import { hashBytes, leafHashOf } from '../tree/hash.ts'
import { HASH_BYTES, hashTilePath, TILE_WIDTH, tileRoot } from '../tree/tiles.ts'
import type { LedgerRows } from './port.ts'
import { readEntries } from './reader.ts'

const CACHED = 256

export class TileCache {
  readonly #rows: Pick<LedgerRows, 'tile' | 'putTiles' | 'batches'>
  readonly #held = new Map<string, string>()

  constructor(rows: Pick<LedgerRows, 'tile' | 'putTiles' | 'batches'>) {
    this.#rows = rows
  }

  /** What is stored, whatever it is; for whoever compares the root that it leads to. */
  async stored(level: number, n: number): Promise<string> {
    const hashes = await this.#stored(level, n)
    if (hashes === undefined) throw damaged(level, n)
    return hashes
  }

  async read(level: number, n: number, root: () => Promise<string>): Promise<string> {
    const held = this.#held.get(hashTilePath(level, n))
    if (held !== undefined) return held
    const expected = await root()
    const stored = await this.#stored(level, n)
    const hashes =
      stored !== undefined && tileRoot(stored) === expected ? stored : await this.#remade(level, n, expected)
    this.put(level, n, hashes)
    return hashes
  }

  put(level: number, n: number, hashes: string): void {
    this.#held.set(hashTilePath(level, n), hashes)
    if (this.#held.size > CACHED) this.#held.delete(this.#held.keys().next().value ?? '')
  }

  async #stored(level: number, n: number): Promise<string | undefined> {
    const bytes = await this.#rows.tile(level, n)
    if (bytes === undefined || bytes.length !== TILE_WIDTH * HASH_BYTES) return undefined
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  }

  async #remade(level: number, n: number, expected: string): Promise<string> {
    const hashes = await this.#fromEntries(level, n)
    if (tileRoot(hashes) !== expected) throw damaged(level, n)
    await this.#rows.putTiles([{ level, n, hashes: hashBytes(hashes) }])
    return hashes
  }

  /** In one pass over the entries below the tile. */
  async #fromEntries(level: number, n: number): Promise<string> {
    const entries = TILE_WIDTH ** (level + 1)
    const levels: string[][] = Array.from({ length: level + 1 }, () => [])
    for await (const { prefixed } of readEntries(this.#rows, n * entries, (n + 1) * entries)) {
      levels[0]?.push(leafHashOf(prefixed))
      for (let at = 0; at < level && levels[at]?.length === TILE_WIDTH; at += 1) {
        levels[at + 1]?.push(tileRoot(levels[at]?.splice(0).join('') ?? ''))
      }
    }
    return levels[level]?.join('') ?? ''
  }
}

const damaged = (level: number, n: number) =>
  unavailable('ledger_tile_damaged', 'A part of the ledger cannot be read.', { detail: hashTilePath(level, n) })
