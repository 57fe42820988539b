/**
 * The newest entries by what makes two of them the same. INVARIANT: a node signs only on top of entries that it has seen,
 * so that what is in the window of the base it signs on cannot be appended a second time, by any node.
 */
export interface Placed {
  readonly index: number
  /** latin1, as inside the tree. */
  readonly leaf: string
}

export type SameBy = (entry: Uint8Array) => string | undefined

export class Window {
  readonly #sameBy: SameBy
  readonly #remember: number
  readonly #known = new Map<string, Placed>()
  /** Asked several times for each entry while it is on its way. */
  readonly #keys = new WeakMap<Uint8Array, string>()

  constructor(sameBy: SameBy, remember: number) {
    this.#sameBy = sameBy
    this.#remember = remember
  }

  find(entry: Uint8Array): Placed | undefined {
    const key = this.keyOf(entry)
    return key === undefined ? undefined : this.#known.get(key)
  }

  keyOf(entry: Uint8Array): string | undefined {
    const known = this.#keys.get(entry)
    if (known !== undefined) return known
    const key = this.#sameBy(entry)
    if (key !== undefined) this.#keys.set(entry, key)
    return key
  }

  /** The first of two that are the same stays. */
  add(entry: Uint8Array, placed: Placed): void {
    const key = this.keyOf(entry)
    if (key === undefined || this.#known.has(key)) return
    this.#known.set(key, placed)
    if (this.#known.size > this.#remember) this.#known.delete(this.#known.keys().next().value ?? '')
  }
}
