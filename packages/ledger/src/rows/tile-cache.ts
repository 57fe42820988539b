/** The tiles that were needed or made last, and the stored ones behind them. */
import { unavailable } from '@credence/kit'
import { HASH_BYTES, hashTilePath, TILE_WIDTH } from '../tree/tiles.ts'
import type { LedgerRows } from './port.ts'

const CACHED = 256

export class TileCache {
  readonly #rows: Pick<LedgerRows, 'tile'>
  readonly #held = new Map<string, string>()

  constructor(rows: Pick<LedgerRows, 'tile'>) {
    this.#rows = rows
  }

  async read(level: number, n: number): Promise<string> {
    const path = hashTilePath(level, n)
    const held = this.#held.get(path)
    if (held !== undefined) return held
    const bytes = await this.#rows.tile(level, n)
    if (bytes === undefined || bytes.length !== TILE_WIDTH * HASH_BYTES) {
      throw unavailable('ledger_tile_damaged', 'A part of the ledger cannot be read.', { detail: path })
    }
    const hashes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    this.put(level, n, hashes)
    return hashes
  }

  put(level: number, n: number, hashes: string): void {
    this.#held.set(hashTilePath(level, n), hashes)
    if (this.#held.size > CACHED) this.#held.delete(this.#held.keys().next().value ?? '')
  }

  clear(): void {
    this.#held.clear()
  }
}
