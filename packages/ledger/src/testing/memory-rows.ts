/** Rows in memory with levers: a port that keeps its contract, and breaks in the ways a database breaks. For tests. */
import { unavailable } from '@credence/kit'
import type { LedgerRows, Looking, Owed, RowBatch, RowChange, RowHead, RowOrigin, RowTile } from '../rows/port.ts'

/**
 * What happens to the next commit. `late`: the answer is lost, and it happens after the writer has looked. `last`: it
 * happens, its answer is lost, and from then on nothing is answered.
 */
export type Lever = 'none' | 'lost-before' | 'lost-after' | 'late' | 'last'

export class MemoryRows implements LedgerRows {
  origin: RowOrigin | undefined
  head: RowHead = { size: 0, root: new Uint8Array(32), signature: new Uint8Array(64) }
  turn: string | undefined
  owed: Owed | undefined
  log: RowBatch[] = []
  readonly tiles = new Map<string, Uint8Array>()
  /** One for each commit to come. */
  levers: Lever[] = []
  /** Refuses everything. */
  gone = false
  commits = 0
  #late: RowChange | undefined

  async #turnOfEvents(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.gone) throw lost()
  }

  async begin(log: RowOrigin): Promise<RowOrigin> {
    await this.#turnOfEvents()
    if (this.origin === undefined) this.head = { size: 0, root: log.root, signature: log.signature }
    this.origin ??= log
    return this.origin
  }

  async look({ after, most, turn }: Looking) {
    await this.#turnOfEvents()
    if (turn !== undefined && [undefined, turn.writer, turn.instead].includes(this.turn)) this.turn = turn.writer
    const batches = this.log.filter(({ first }) => first >= after).slice(0, most)
    const seen = { head: this.head, batches, turn: this.turn, owed: this.owed }
    if (this.#late !== undefined) this.#apply(this.#late)
    this.#late = undefined
    return seen
  }

  async commit(change: RowChange): Promise<boolean> {
    await this.#turnOfEvents()
    const lever = this.levers.shift() ?? 'none'
    if (lever === 'lost-before') throw lost()
    if (lever === 'late') {
      this.#late = change
      throw lost()
    }
    const happened = this.#apply(change)
    this.gone ||= lever === 'last'
    if (lever === 'lost-after' || lever === 'last') throw lost()
    return happened
  }

  #apply({ from, to, batch, tiles, writer, owed }: RowChange): boolean {
    const same = from.size === this.head.size && Buffer.from(from.root).equals(this.head.root)
    if (!same || (this.turn !== undefined && this.turn !== writer)) return false
    if (!alike(this.owed, owed)) return false
    if (this.owed !== undefined && alike(this.owed, { ...to, by: '' })) this.owed = undefined
    this.commits += 1
    this.head = to
    this.turn = undefined
    this.log.push(batch)
    void this.putTiles(tiles)
    return true
  }

  async owe(from: RowHead, owed: Owed, instead: Owed): Promise<boolean> {
    await this.#turnOfEvents()
    const same = from.size === this.head.size && Buffer.from(from.root).equals(this.head.root)
    if (!same || !(this.owed === undefined || alike(this.owed, instead))) return false
    this.owed = owed
    return true
  }

  async endTurn(writer: string): Promise<void> {
    if (this.turn === writer) this.turn = undefined
  }

  async batches(from: number, to: number, most: number): Promise<readonly RowBatch[]> {
    await this.#turnOfEvents()
    return this.log.filter(({ first, size }) => size > from && first < to).slice(0, most)
  }

  async tile(level: number, n: number): Promise<Uint8Array | undefined> {
    return this.tiles.get(`${level}/${n}`)
  }

  async putTiles(tiles: readonly RowTile[]): Promise<void> {
    for (const { level, n, hashes } of tiles) this.tiles.set(`${level}/${n}`, hashes)
  }
}

const alike = (a: Owed | undefined, b: Owed | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.size === b.size && Buffer.from(a.root).equals(b.root)

const lost = () => unavailable('database_unavailable', 'The database cannot answer.')
