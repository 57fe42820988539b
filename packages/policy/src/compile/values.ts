/**
 * Cedar's values in JavaScript. A long is a number while it is a safe integer and a bigint beyond, never both forms
 * of one value, so that `===` compares longs.
 */
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

export type CedarValue = boolean | number | bigint | string | Uid | CedarSet | CedarRecord

/** Fields are a Map, so that a name like `__proto__` is a name like any other. */
export class CedarRecord {
  readonly fields: ReadonlyMap<string, CedarValue>
  #key: string | undefined

  constructor(fields: ReadonlyMap<string, CedarValue>) {
    this.fields = fields
  }

  get key(): string {
    this.#key ??= `{${[...this.fields]
      .map(([name, value]) => `${JSON.stringify(name)}:${keyOf(value)}`)
      .sort()
      .join()}}`
    return this.#key
  }
}

export class CedarSet {
  readonly items: readonly CedarValue[]
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
    return typeof value === 'object' || this.#keys !== undefined
      ? this.keys.has(keyOf(value))
      : this.items.includes(value)
  }
}

/** One text for one value. */
export const keyOf = (value: CedarValue): string => {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uid) return `e${JSON.stringify(value.type)}${JSON.stringify(value.id)}`
  return typeof value === 'object' ? value.key : String(value)
}

export const sameValue = (a: CedarValue, b: CedarValue): boolean => {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (a instanceof Uid || b instanceof Uid) return a instanceof Uid && b instanceof Uid && a.key === b.key
  return a.key === b.key
}

export interface CedarEntity {
  readonly uid: Uid
  readonly attrs: CedarRecord
  readonly parents: readonly Uid[]
  /** Keys of all ancestors, not of itself. */
  readonly ancestors: ReadonlySet<string>
}

export type Entities = ReadonlyMap<string, CedarEntity>

export interface CedarQuestion {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: CedarRecord
  readonly entities: Entities
}

/** Parents to ancestors, for entities that may be given in any order. A cycle only makes everybody their own ancestor. */
export const linkEntities = (list: readonly Omit<CedarEntity, 'ancestors'>[]): Entities => {
  const byKey = new Map(list.map((entity) => [entity.uid.key, entity]))
  const linked = new Map<string, CedarEntity>()
  for (const [key, entity] of byKey) {
    const ancestors = new Set<string>()
    const open = [...entity.parents]
    for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
      if (ancestors.has(parent.key)) continue
      ancestors.add(parent.key)
      open.push(...(byKey.get(parent.key)?.parents ?? []))
    }
    linked.set(key, { ...entity, ancestors })
  }
  return linked
}
