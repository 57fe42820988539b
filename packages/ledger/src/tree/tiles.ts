/**
 * The tree above the entries in pieces of 256 hashes (C2SP tlog-tiles). What is not on disk yet is in memory.
 * Everything here is derived: `tile/` may be deleted and comes back at the next start.
 */
import { dirname, join } from 'node:path'
import { unavailable } from '@credence/kit'
import type { FileLayer } from '../files/layer.ts'
import { readFile, replaceFile } from '../files/whole.ts'
import type { TileNode } from './compact-range.ts'
import { nodeHash } from './hash.ts'
import type { Range } from './ranges.ts'
import { splitPoint } from './ranges.ts'

export const TILE_WIDTH = 256
export const HASH_BYTES = 32
const CACHED_TILES = 256

/** tlog-tiles: groups of three digits, all but the last with an `x` in front. */
export const tileNumberPath = (n: number): string => {
  const digits = String(n)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g) ?? []
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
}

export const hashTilePath = (level: number, n: number, width = TILE_WIDTH): string =>
  `tile/${level}/${tileNumberPath(n)}${width === TILE_WIDTH ? '' : `.p/${width}`}`

export const hashAt = (tile: string, i: number): string => tile.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES)

/** Root of `count` (a power of two) neighbouring hashes of a tile. */
const subtreeRoot = (tile: string, first: number, count: number): string =>
  count === 1
    ? hashAt(tile, first)
    : nodeHash(subtreeRoot(tile, first, count / 2), subtreeRoot(tile, first + count / 2, count / 2))

/** The hashes of a tile, as many as there are. */
export type TileReader = (level: number, n: number) => Promise<string>

/** Root of any range that begins where a subtree of its size may begin. */
export const rangeRootOf = async (tile: TileReader, [begin, end]: Range): Promise<string> => {
  const size = end - begin
  const half = splitPoint(size)
  if (size === 1 || (half * 2 === size && begin % size === 0)) return completeRootOf(tile, begin, size)
  return nodeHash(await rangeRootOf(tile, [begin, begin + half]), await rangeRootOf(tile, [begin + half, end]))
}

const completeRootOf = async (tile: TileReader, begin: number, size: number): Promise<string> => {
  const level = Math.floor(Math.log2(size) / 8)
  const unit = TILE_WIDTH ** level
  const first = begin / unit
  return subtreeRoot(await tile(level, Math.floor(first / TILE_WIDTH)), first % TILE_WIDTH, size / unit)
}

export interface FullTile {
  readonly level: number
  readonly n: number
  readonly hashes: string
}

export class TileStore {
  readonly #files: FileLayer
  readonly #dir: string
  /** Per level: how many tiles are full, and the hashes of the one that is not. */
  readonly #levels: { full: number; partial: string[] }[] = []
  /** Full tiles that are not on disk yet, oldest first. */
  readonly #waiting = new Map<string, FullTile>()
  readonly #cache = new Map<string, string>()

  readonly #partialDirs = new Set<string>()
  /** The folder last written to, per kind of tile: it need not be made again. */
  readonly #lastFolders = new Map<string, string>()

  constructor(files: FileLayer, dir: string) {
    this.#files = files
    this.#dir = dir
  }

  add({ leaves, nodes }: { readonly leaves: readonly string[]; readonly nodes: readonly TileNode[] }): void {
    const bottom = this.#level(0)
    for (const leaf of leaves) {
      bottom.partial.push(leaf)
      if (bottom.partial.length === TILE_WIDTH) this.#fill(0, bottom)
    }
    for (const [level, hash] of nodes) {
      const at = this.#level(level)
      at.partial.push(hash)
      if (at.partial.length === TILE_WIDTH) this.#fill(level, at)
    }
  }

  #fill(level: number, at: { full: number; partial: string[] }): void {
    this.#waiting.set(hashTilePath(level, at.full), { level, n: at.full, hashes: at.partial.join('') })
    at.full += 1
    at.partial = []
  }

  /** Starts a level in the middle: `full` tiles lie on disk. */
  resume(level: number, full: number, partial: readonly string[]): void {
    Object.assign(this.#level(level), { full, partial: [...partial] })
  }

  /** Forgets everything: the tree will be built again from its entries. */
  reset(): void {
    this.#levels.length = 0
    this.#waiting.clear()
    this.#cache.clear()
  }

  waiting(): IterableIterator<FullTile> {
    return this.#waiting.values()
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  async write(tile: FullTile): Promise<void> {
    const path = hashTilePath(tile.level, tile.n)
    await this.put(path, Buffer.from(tile.hashes, 'latin1'))
    this.#remember(path, tile.hashes)
    this.#waiting.delete(path)
    await this.dropPartials(path)
  }

  /** tlog-tiles: partial tiles may go when the full one is there. */
  async dropPartials(path: string): Promise<void> {
    if (this.#partialDirs.delete(`${path}.p`)) await this.#files.remove(join(this.#dir, `${path}.p`))
  }

  /** The tiles that are not full, as they are now. */
  partials(): { level: number; n: number; hashes: readonly string[] }[] {
    return this.#levels.map(({ full, partial }, level) => ({ level, n: full, hashes: partial.slice() }))
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const target = join(this.#dir, path)
    const folder = dirname(path)
    if (folder.endsWith('.p')) this.#partialDirs.add(folder)
    if (folder !== this.#lastFolders.get(kindOf(path))) await this.#files.makeDirectory(dirname(target))
    this.#lastFolders.set(kindOf(path), folder)
    await replaceFile(this.#files, target, bytes)
  }

  rangeRoot(range: Range): Promise<string> {
    return rangeRootOf((level, n) => this.tile(level, n), range)
  }

  /** The hashes of a tile, as many as there are. */
  async tile(level: number, n: number): Promise<string> {
    const at = this.#level(level)
    if (n === at.full) return at.partial.join('')
    const path = hashTilePath(level, n)
    const known = this.#waiting.get(path)?.hashes ?? this.#cache.get(path)
    if (known !== undefined) return known
    const bytes = await readFile(this.#files, join(this.#dir, path))
    if (bytes.length !== TILE_WIDTH * HASH_BYTES) throw damaged(path)
    const hashes = bytes.toString('latin1')
    this.#remember(path, hashes)
    return hashes
  }

  #level(level: number): { full: number; partial: string[] } {
    while (this.#levels.length <= level) this.#levels.push({ full: 0, partial: [] })
    return this.#levels[level] ?? { full: 0, partial: [] }
  }

  #remember(path: string, hashes: string): void {
    this.#cache.set(path, hashes)
    if (this.#cache.size > CACHED_TILES) this.#cache.delete(this.#cache.keys().next().value ?? '')
  }
}

/** `0`, `1`, … */
const kindOf = (path: string): string => path.split('/', 2)[1] ?? ''

const damaged = (path: string) =>
  unavailable('ledger_tile_damaged', 'A part of the ledger cannot be read.', { detail: path })

/** Root of a full tile: the hash one level up. */
export const tileRoot = (hashes: string): string => subtreeRoot(hashes, 0, TILE_WIDTH)
