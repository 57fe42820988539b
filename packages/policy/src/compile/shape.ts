/**
 * The names of a record, sorted, each with its position. Records with the same names share one shape, so that a place
 * that reads an attribute compares one reference and then knows the position.
 */

/** Names come from outside too: beyond this many shapes they are no longer shared, which costs speed and nothing else. */
const SHARED_AT_MOST = 4096

const NO_SLOT = -1

export class Shape {
  /** INVARIANT: sorted and without repetition. */
  readonly names: readonly string[]
  readonly #slots: ReadonlyMap<string, number>
  readonly next = new Map<string, Shape>()

  constructor(names: readonly string[]) {
    this.names = names
    this.#slots = new Map(names.map((name, index) => [name, index]))
  }

  /** Negative: there is no such name. A Map, so that `__proto__` is a name like any other. */
  slotOf(name: string): number {
    return this.#slots.get(name) ?? NO_SLOT
  }
}

const ROOT = new Shape([])
let shared = 0

/** `names` are sorted and without repetition. */
export const shapeOf = (names: readonly string[]): Shape => {
  let shape = ROOT
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    const known = shape.next.get(name)
    if (known === undefined && shared >= SHARED_AT_MOST) return new Shape(names)
    const next = known ?? new Shape(names.slice(0, index + 1))
    if (known === undefined) {
      shape.next.set(name, next)
      shared++
    }
    shape = next
  }
  return shape
}
