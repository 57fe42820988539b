/** Entities with their hierarchy, and the question that is asked about them. */
import { refused } from '@credence/kit'
import type { Met } from './met.ts'
import { type CedarRecord, NO_FIELDS, type Uid } from './values.ts'

export interface EntityFacts {
  readonly uid: Uid
  readonly attrs: CedarRecord
  readonly parents: readonly Uid[]
  readonly tags?: CedarRecord
}

/** What is found by key; a Map is one. */
export interface Entities {
  get(key: string): CedarEntity | undefined
  values(): Iterable<CedarEntity>
}

const NO_MATCHES = new Uint8Array(0)

export class CedarEntity implements EntityFacts {
  readonly uid: Uid
  readonly attrs: CedarRecord
  readonly tags: CedarRecord
  readonly parents: readonly Uid[]
  readonly #among: Pick<Entities, 'get'> | undefined
  #ancestors: ReadonlySet<string> | undefined
  // What the program that met this entity last found for it; a token says which program that was.
  asPrincipal: Met | undefined
  asResource: Met | undefined
  actionToken: object | undefined
  actionMatches: Uint8Array

  /** `among`: where parents are looked up; without it they have no parents of their own. */
  constructor({ uid, attrs, parents, tags }: EntityFacts, among?: Pick<Entities, 'get'>) {
    this.uid = uid
    this.attrs = attrs
    this.tags = tags ?? NO_FIELDS
    this.parents = parents
    this.#among = among
    this.#ancestors = undefined
    this.asPrincipal = undefined
    this.asResource = undefined
    this.actionToken = undefined
    this.actionMatches = NO_MATCHES
  }

  /** Keys of all ancestors, not of itself. Computed once; a parent that nobody gave is an ancestor too. */
  get ancestors(): ReadonlySet<string> {
    this.#ancestors ??= ancestorsOf(this.parents, this.#among)
    return this.#ancestors
  }
}

const ancestorsOf = (parents: readonly Uid[], among: Pick<Entities, 'get'> | undefined): ReadonlySet<string> => {
  const found = new Set<string>()
  const open = [...parents]
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    if (found.has(parent.key)) continue
    found.add(parent.key)
    for (const next of among?.get(parent.key)?.parents ?? []) open.push(next)
  }
  return found
}

/** INVARIANT: nobody is their own ancestor. Each entity is entered once, without recursion. */
const refuseCycles = (entities: ReadonlyMap<string, CedarEntity>): void => {
  const state = new Map<string, 'open' | 'done'>()
  for (const start of entities.keys()) {
    const path = [start]
    while (path.length > 0) {
      const key = path[path.length - 1] as string
      if (state.get(key) !== undefined) {
        state.set(key, 'done')
        path.pop()
        continue
      }
      state.set(key, 'open')
      for (const parent of entities.get(key)?.parents ?? []) {
        const seen = state.get(parent.key)
        if (seen === 'open') throw refused('entity_cycle', 'An entity is its own ancestor.', { detail: parent.key })
        if (seen === undefined) path.push(parent.key)
      }
    }
  }
}

/** Entities that may be given in any order. Refuses a hierarchy with a cycle and an entity that is given twice. */
export const linkEntities = (list: Iterable<EntityFacts>): ReadonlyMap<string, CedarEntity> => {
  const entities = new Map<string, CedarEntity>()
  for (const facts of list) {
    if (entities.has(facts.uid.key)) {
      throw refused('entity_duplicate', 'An entity is given twice.', { detail: facts.uid.key })
    }
    entities.set(facts.uid.key, new CedarEntity(facts, entities))
  }
  refuseCycles(entities)
  return entities
}

export type VariableIndex = 0 | 1 | 2 | 3

export interface Asked {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
}

/** What `entities` holds of the three that are asked about. */
export interface Known {
  readonly principal: CedarEntity | undefined
  readonly action: CedarEntity | undefined
  readonly resource: CedarEntity | undefined
}

const lookUp = ({ principal, action, resource }: Asked, entities: Entities): Known => ({
  principal: entities.get(principal.key),
  action: entities.get(action.key),
  resource: entities.get(resource.key),
})

/** One question: may this principal do this action on this resource? Entities of the three are looked up once. */
export class CedarQuestion {
  readonly principal: Uid
  readonly action: Uid
  readonly resource: Uid
  readonly context: CedarRecord
  readonly entities: Entities
  /** Undefined: nobody gave this entity. It has no attributes and no ancestors. */
  readonly principalEntity: CedarEntity | undefined
  readonly actionEntity: CedarEntity | undefined
  readonly resourceEntity: CedarEntity | undefined

  constructor(asked: Asked, context: CedarRecord, entities: Entities, known: Known = lookUp(asked, entities)) {
    this.principal = asked.principal
    this.action = asked.action
    this.resource = asked.resource
    this.context = context
    this.entities = entities
    this.principalEntity = known.principal
    this.actionEntity = known.action
    this.resourceEntity = known.resource
  }

  entity(uid: Uid): CedarEntity | undefined {
    if (uid === this.principal) return this.principalEntity
    if (uid === this.resource) return this.resourceEntity
    return this.entities.get(uid.key)
  }

  /** Attributes of principal, action and resource, and the context. */
  record(variable: VariableIndex): CedarRecord | undefined {
    if (variable === 3) return this.context
    const entity = variable === 0 ? this.principalEntity : variable === 1 ? this.actionEntity : this.resourceEntity
    return entity?.attrs
  }

  uid(variable: 0 | 1 | 2): Uid {
    return variable === 0 ? this.principal : variable === 1 ? this.action : this.resource
  }
}
