/**
 * The right edge of a tree: its complete subtrees, and the tiles that are not full. A value: growing makes another, so
 * that a batch that does not happen leaves nothing behind.
 */
import { type CompactRange, EMPTY_RANGE, type RangeBuilder, rangeRoot } from './compact-range.ts'
import { completeSubtrees } from './load.ts'
import { type FullTile, rangeRootOf, TILE_WIDTH, type TileReader, tileRoot } from './tiles.ts'

export interface Edge {
  readonly range: CompactRange
  readonly root: string
  /** Per level: how many tiles are full, and the hashes of the one that is not. */
  readonly levels: readonly Level[]
}

interface Level {
  readonly full: number
  readonly partial: readonly string[]
}

export interface Grown {
  readonly edge: Edge
  /** Full now, lowest level first. */
  readonly tiles: readonly FullTile[]
}

const NO_LEVEL: Level = { full: 0, partial: [] }

export const EMPTY_EDGE: Edge = { range: EMPTY_RANGE, root: rangeRoot([]), levels: [] }

/** One level with more hashes behind, and the tiles that they fill. */
const extend = (level: number, { full, partial }: Level, hashes: readonly string[]): [Level, FullTile[]] => {
  const all = partial.concat(hashes)
  const tiles: FullTile[] = []
  let at = 0
  for (; all.length - at >= TILE_WIDTH; at += TILE_WIDTH) {
    tiles.push({ level, n: full + tiles.length, hashes: all.slice(at, at + TILE_WIDTH).join('') })
  }
  return [{ full: full + tiles.length, partial: all.slice(at) }, tiles]
}

/** `tree` was made from the edge's range, and has the new leaves. */
export const growEdge = (edge: Edge, tree: RangeBuilder): Grown => {
  const perLevel: string[][] = [tree.leaves]
  for (const [level, hash] of tree.nodes) {
    while (perLevel.length <= level) perLevel.push([])
    perLevel[level]?.push(hash)
  }
  const levels: Level[] = edge.levels.slice()
  const tiles: FullTile[] = []
  for (const [level, hashes] of perLevel.entries()) {
    const [extended, full] = extend(level, levels[level] ?? NO_LEVEL, hashes)
    levels[level] = extended
    tiles.push(...full)
  }
  return { edge: { range: tree.done(), root: tree.root(), levels }, tiles }
}

/** The tiles of this edge, or of the store below it. */
export const tileOf = (edge: Edge, level: number, n: number, stored: TileReader): Promise<string> => {
  const at = edge.levels[level] ?? NO_LEVEL
  return n === at.full ? Promise.resolve(at.partial.join('')) : stored(level, n)
}

/** The edge at a size, from the leaves of its last tile and the stored tiles; whether its root is right is for the caller. */
export const loadEdge = async (size: number, lastLeaves: readonly string[], stored: TileReader): Promise<Edge> => {
  const levels: Level[] = [{ full: Math.floor(size / TILE_WIDTH), partial: lastLeaves }]
  for (let level = 1; TILE_WIDTH ** level <= size; level += 1) {
    const count = Math.floor(size / TILE_WIDTH ** level)
    const partial: string[] = []
    for (let n = count - (count % TILE_WIDTH); n < count; n += 1) partial.push(tileRoot(await stored(level - 1, n)))
    levels.push({ full: Math.floor(count / TILE_WIDTH), partial })
  }
  const bare: Edge = { range: EMPTY_RANGE, root: '', levels }
  const tile: TileReader = (level, n) => tileOf(bare, level, n, stored)
  const stack = await completeSubtrees((range) => rangeRootOf(tile, range), size)
  return { range: { size, stack }, root: rangeRoot(stack), levels }
}
