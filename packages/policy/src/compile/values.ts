/**
 * Cedar's values in JavaScript. A long is a number while it is a safe integer and a bigint beyond, never both forms
 * of one value, so that `===` compares longs.
 */
import { type Shape, shapeOf } from './shape.ts'

export class Uid {
  readonly type: string
  readonly id: string
  /** INVARIANT: equal keys, equal entities: a type holds no `"`. */
  readonly key: string

  constructor(type: string, id: string) {
    this.type = type
    this.id = id
    this.key = `${type}"${id}`
  }
}

export type Long = number | bigint

/** A value of an extension type. Values of one type with one key are equal, whatever text they were made from. */
export abstract class Extension {
  abstract readonly type: 'decimal' | 'ipaddr' | 'datetime' | 'duration'
  abstract get key(): string
}

export type CedarValue = boolean | Long | string | Uid | CedarSet | CedarRecord | Extension

const byText = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0

export class CedarRecord {
  readonly shape: Shape
  /** In the order of the shape's names. */
  readonly values: readonly CedarValue[]

  constructor(shape: Shape, values: readonly CedarValue[]) {
    this.shape = shape
    this.values = values
  }

  /** Of a name that stands twice the last value counts. */
  static of(entries: Iterable<readonly [string, CedarValue]>): CedarRecord {
    const sorted = [...new Map(entries)].sort(byText)
    return new CedarRecord(
      shapeOf(sorted.map(([name]) => name)),
      sorted.map(([, value]) => value),
    )
  }

  get(name: string): CedarValue | undefined {
    const slot = this.shape.slotOf(name)
    return slot < 0 ? undefined : this.values[slot]
  }

  has(name: string): boolean {
    return this.shape.slotOf(name) >= 0
  }

  entries(): [string, CedarValue][] {
    return this.shape.names.map((name, slot) => [name, this.values[slot] as CedarValue])
  }

  get key(): string {
    return `{${this.entries()
      .map(([name, value]) => `${JSON.stringify(name)}:${keyOf(value)}`)
      .join()}}`
  }
}

export const NO_FIELDS: CedarRecord = CedarRecord.of([])

type Plain = Exclude<CedarValue, object>

/** Looking through so many is faster than making an index of them. */
const FEW = 16

export class CedarSet {
  readonly items: readonly CedarValue[]
  #plain: ReadonlySet<Plain> | undefined
  #keys: ReadonlySet<string> | undefined
  #key: string | undefined

  constructor(items: readonly CedarValue[]) {
    this.items = items
  }

  /** What makes sets of any size linear to compare. */
  get keys(): ReadonlySet<string> {
    this.#keys ??= new Set(this.items.map(keyOf))
    return this.#keys
  }

  get key(): string {
    this.#key ??= `[${[...this.keys].sort().join()}]`
    return this.#key
  }

  has(value: CedarValue): boolean {
    if (typeof value === 'object') return this.keys.has(keyOf(value))
    if (this.items.length <= FEW) return this.items.includes(value)
    this.#plain ??= new Set(this.items.filter((item) => typeof item !== 'object'))
    return this.#plain.has(value)
  }
}

/** One text for one value. */
export const keyOf = (value: CedarValue): string => {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uid) return `e${JSON.stringify(value.type)}${JSON.stringify(value.id)}`
  return typeof value === 'object' ? value.key : String(value)
}

const sameRecord = (a: CedarRecord, b: CedarRecord): boolean =>
  a.values.length === b.values.length &&
  (a.shape === b.shape || a.shape.names.every((name, index) => name === b.shape.names[index])) &&
  a.values.every((value, index) => sameValue(value, b.values[index] as CedarValue))

/** Values of different types are not equal; that is no failure. */
export const sameValue = (a: CedarValue, b: CedarValue): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (a instanceof Uid) return b instanceof Uid && a.key === b.key
  if (a instanceof CedarRecord) return b instanceof CedarRecord && sameRecord(a, b)
  if (a instanceof CedarSet) return b instanceof CedarSet && a.key === b.key
  return b instanceof Extension && a.type === b.type && a.key === b.key
}
