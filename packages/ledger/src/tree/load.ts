/** The right edge of the tree at a size, from the entries of the last tile and the tiles on disk. */
import type { StoredEntry } from '../segment/segments.ts'
import type { CompactRange } from './compact-range.ts'
import { leafHashOf } from './hash.ts'
import type { Range } from './ranges.ts'
import type { TileStore } from './tiles.ts'
import { TILE_WIDTH, tileRoot } from './tiles.ts'

export const loadRange = async (
  tiles: TileStore,
  read: (from: number, to: number) => AsyncIterable<StoredEntry>,
  size: number,
): Promise<CompactRange> => {
  const leaves: string[] = []
  for await (const { prefixed } of read(size - (size % TILE_WIDTH), size)) leaves.push(leafHashOf(prefixed))
  tiles.resume(0, Math.floor(size / TILE_WIDTH), leaves)
  for (let level = 1; TILE_WIDTH ** level <= size; level += 1) {
    const count = Math.floor(size / TILE_WIDTH ** level)
    const partial: string[] = []
    for (let n = count - (count % TILE_WIDTH); n < count; n += 1) partial.push(tileRoot(await tiles.tile(level - 1, n)))
    tiles.resume(level, Math.floor(count / TILE_WIDTH), partial)
  }
  return { size, stack: await completeSubtrees((range) => tiles.rangeRoot(range), size) }
}

/** One subtree for every one-bit of the size, largest first. */
export const completeSubtrees = async (
  rangeRoot: (range: Range) => Promise<string>,
  size: number,
): Promise<string[]> => {
  const stack: string[] = []
  let begin = 0
  for (let width = 2 ** Math.floor(Math.log2(Math.max(size, 1))); width >= 1; width /= 2) {
    if (size - begin < width) continue
    stack.push(await rangeRoot([begin, begin + width]))
    begin += width
  }
  return stack
}
