/**
 * Entities of a folder's own schema, from a file beside the policies: Cedar's JSON form, a list of
 * `{ "uid": { "type", "id" }, "attrs": { ... }, "parents": [ { "type", "id" } ] }`.
 *
 * INVARIANT: types that are ours come from our rows; a file cannot make one.
 */
import { refused } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'
import { isNameable } from './authzen-generic.ts'
import { type CedarEntity, type EntityFacts, linkEntities } from './compile/entities.ts'
import { CedarRecord, CedarSet, type CedarValue, Uid } from './compile/values.ts'

export interface KnownEntities {
  get(key: string): CedarEntity | undefined
  values(): Iterable<CedarEntity>
  /** In the order of their ids. Undefined: no entity of this type is known. */
  ofType(type: string): readonly CedarEntity[] | undefined
  byId(type: string): ReadonlyMap<string, CedarEntity> | undefined
}

type Json = { readonly [name: string]: JsonValue }

/** INVARIANT: nothing that is known stands under the name of what requests say, which would take its place. */
const SAID = 'properties'
const MAXIMUM = 100_000
const LONGEST_ID = 2048

const wrong = (message: string) => refused('entities_invalid', message, { status: 422 })

const isJson = (value: JsonValue | undefined): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Is every name of a type free (`PolicySource.alone`)? */
interface Rules {
  readonly alone: boolean
}

const uidOf = (value: JsonValue | undefined, where: string, { alone }: Rules): Uid => {
  const given = isJson(value) && isJson(value.__entity) ? value.__entity : value
  const { type, id } = isJson(given) ? given : {}
  if (typeof type !== 'string' || typeof id !== 'string') throw wrong(`${where}: an entity needs a type and an id.`)
  if (!isNameable(type, alone)) throw wrong(`${where}: entities of the type "${type.slice(0, 128)}" cannot be given.`)
  if (id === '' || id.length > LONGEST_ID || !id.isWellFormed())
    throw wrong(`${where}: the id must be well-formed text of 1 to ${LONGEST_ID} characters.`)
  return new Uid(type, id)
}

const recordOf = (value: Json, where: string, rules: Rules): CedarRecord =>
  CedarRecord.of(
    Object.entries(value).map(([name, inner]) => [name, cedarValue(inner, `${where}.${name}`, rules)] as const),
  )

/** Cedar has no fractions and no `null`. Values of extension types are for the policies to make. */
const cedarValue = (value: JsonValue, where: string, rules: Rules): CedarValue => {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string' && value.isWellFormed()) return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0
  if (Array.isArray(value)) return new CedarSet(value.map((item: JsonValue) => cedarValue(item, where, rules)))
  if (isJson(value))
    return Object.hasOwn(value, '__entity') ? uidOf(value, where, rules) : recordOf(value, where, rules)
  throw wrong(`${where}: Cedar cannot say this value.`)
}

const entityOf = (value: JsonValue, index: number, rules: Rules): EntityFacts => {
  const where = `entity ${index + 1}`
  if (!isJson(value)) throw wrong(`${where}: not an object.`)
  const { attrs = {}, parents = [] } = value
  if (!isJson(attrs)) throw wrong(`${where}: attrs must be an object.`)
  if (Object.hasOwn(attrs, SAID)) throw wrong(`${where}: the attribute "${SAID}" is what requests say.`)
  if (!Array.isArray(parents)) throw wrong(`${where}: parents must be a list.`)
  return {
    uid: uidOf(value.uid, where, rules),
    attrs: recordOf(attrs, where, rules),
    parents: parents.map((parent: JsonValue) => uidOf(parent, where, rules)),
  }
}

const inOrder = (a: CedarEntity, b: CedarEntity): number => (a.uid.id < b.uid.id ? -1 : a.uid.id > b.uid.id ? 1 : 0)

/** Throws `refused` for anything that is not exactly that form, for what is given twice, and for a cycle. */
export const knownEntities = (list: JsonValue, rules: Rules = { alone: false }): KnownEntities => {
  if (!Array.isArray(list) || list.length > MAXIMUM) throw wrong(`Entities are a list of at most ${MAXIMUM}.`)
  const linked = linkEntities(list.map((one, index) => entityOf(one, index, rules)))
  const types = new Map<string, CedarEntity[]>()
  for (const one of linked.values()) {
    const others = types.get(one.uid.type)
    if (others === undefined) types.set(one.uid.type, [one])
    else others.push(one)
  }
  const ids = new Map<string, ReadonlyMap<string, CedarEntity>>()
  for (const [type, entities] of types) {
    entities.sort(inOrder)
    ids.set(type, new Map(entities.map((one) => [one.uid.id, one])))
  }
  return {
    get: (key) => linked.get(key),
    values: () => linked.values(),
    ofType: (type) => types.get(type),
    byId: (type) => ids.get(type),
  }
}
