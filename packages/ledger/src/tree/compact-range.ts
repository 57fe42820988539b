/** The tree as the few roots of its complete subtrees, largest first: all that appending needs. */
import { EMPTY_ROOT, nodeHash } from './hash.ts'

/** A node whose height is a multiple of eight: what tiles store. */
export type TileNode = readonly [level: number, hash: string]

export interface CompactRange {
  readonly size: number
  readonly stack: readonly string[]
}

export const EMPTY_RANGE: CompactRange = { size: 0, stack: [] }

/** Grows a private copy; the range it was made from stays as it is until the caller puts the new one in its place. */
export class RangeBuilder {
  #size: number
  readonly #stack: string[]
  readonly leaves: string[] = []
  /** Every tile node above the leaves that became complete, in order. */
  readonly nodes: TileNode[] = []

  constructor(range: CompactRange) {
    this.#size = range.size
    this.#stack = range.stack.slice()
  }

  get size(): number {
    return this.#size
  }

  append(leaf: string): void {
    let node = leaf
    this.leaves.push(leaf)
    let rest = this.#size
    for (let height = 1; rest % 2 === 1; height += 1) {
      node = nodeHash(this.#stack.pop() ?? '', node)
      rest = (rest - 1) / 2
      if (height % 8 === 0) this.nodes.push([height / 8, node])
    }
    this.#stack.push(node)
    this.#size += 1
  }

  root(): string {
    return rangeRoot(this.#stack)
  }

  done(): CompactRange {
    return { size: this.#size, stack: this.#stack }
  }
}

export const rangeRoot = (stack: readonly string[]): string => {
  let root = stack.at(-1)
  if (root === undefined) return EMPTY_ROOT
  for (let i = stack.length - 2; i >= 0; i -= 1) root = nodeHash(stack[i] ?? '', root)
  return root
}
