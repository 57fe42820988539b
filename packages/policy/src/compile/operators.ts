/** Cedar's operators on evaluated values. Each fails where Cedar's fails. */
import type { CedarEntity, CedarQuestion } from './entities.ts'
import { fail } from './errors.ts'
import { CedarDatetime, CedarDuration } from './extensions/datetime.ts'
import { CedarRecord, CedarSet, type CedarValue, Extension, type Long, Uid } from './values.ts'

const typeName = (value: CedarValue): string => {
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value !== 'object') return 'long'
  if (value instanceof Uid) return `(entity of type \`${value.type}\`)`
  if (value instanceof Extension) return value.type
  return value instanceof CedarSet ? 'set' : 'record'
}

export const wrongType = (wanted: string, value: CedarValue): never =>
  fail('type', `type error: expected ${wanted}, got ${typeName(value)}`)

const ENTITY = '(entity of type `any_entity_type`)'

export const asBool = (value: CedarValue): boolean => (typeof value === 'boolean' ? value : wrongType('bool', value))
export const asString = (value: CedarValue): string => (typeof value === 'string' ? value : wrongType('string', value))
export const asSet = (value: CedarValue): CedarSet => (value instanceof CedarSet ? value : wrongType('set', value))
export const asUid = (value: CedarValue): Uid => (value instanceof Uid ? value : wrongType(ENTITY, value))
export const asLong = (value: CedarValue): Long =>
  typeof value === 'number' || typeof value === 'bigint' ? value : wrongType('long', value)

const COMPARABLE = 'one of [long, datetime, duration]'

/** `<` and its like take longs, datetimes or durations, both of one type. */
export const comparable = (left: CedarValue, right: CedarValue, compare: (a: Long, b: Long) => boolean): boolean => {
  if (typeof left === 'number' || typeof left === 'bigint') return compare(left, asLong(right))
  if (left instanceof CedarDatetime) {
    return right instanceof CedarDatetime ? compare(left.ms, right.ms) : wrongType('datetime', right)
  }
  if (left instanceof CedarDuration) {
    return right instanceof CedarDuration ? compare(left.ms, right.ms) : wrongType('duration', right)
  }
  return wrongType(COMPARABLE, left)
}

const uidText = ({ type, id }: Uid): string => `\`${type}::${JSON.stringify(id)}\``

export const noEntity = (uid: Uid): never => fail('entity', `entity ${uidText(uid)} does not exist`)

const given = (question: CedarQuestion, uid: Uid): CedarEntity => question.entity(uid) ?? noEntity(uid)

export const noAttribute = (of: Uid | undefined, name: string): never =>
  of === undefined
    ? fail('attribute', `record does not have the attribute \`${name}\``)
    : fail('attribute', `${uidText(of)} does not have the attribute \`${name}\``)

const FIELDS = `one of [record, ${ENTITY}]`

/** The record that an attribute is looked for in. */
export const fieldsOf = (question: CedarQuestion, value: CedarValue): CedarRecord => {
  if (value instanceof CedarRecord) return value
  return value instanceof Uid ? given(question, value).attrs : wrongType(FIELDS, value)
}

/** As `fieldsOf`; an entity that nobody gave has none. */
export const fieldsIfAny = (question: CedarQuestion, value: CedarValue): CedarRecord | undefined => {
  if (value instanceof CedarRecord) return value
  return value instanceof Uid ? question.entity(value)?.attrs : wrongType(FIELDS, value)
}

export const getTag = (left: CedarValue, right: CedarValue, question: CedarQuestion): CedarValue => {
  const uid = asUid(left)
  const name = asString(right)
  return given(question, uid).tags.get(name) ?? fail('tag', `${uidText(uid)} does not have the tag \`${name}\``)
}

export const hasTag = (left: CedarValue, right: CedarValue, question: CedarQuestion): boolean => {
  const uid = asUid(left)
  const name = asString(right)
  return question.entity(uid)?.tags.has(name) ?? false
}

export const isWithin = (entity: CedarEntity | undefined, uid: Uid, ancestor: string): boolean =>
  uid.key === ancestor || (entity?.ancestors.has(ancestor) ?? false)

/** Cedar looks at the type of every element before it looks for one. */
export const isIn = (left: CedarValue, right: CedarValue, question: CedarQuestion): boolean => {
  const uid = asUid(left)
  const entity = question.entity(uid)
  if (right instanceof Uid) return isWithin(entity, uid, right.key)
  if (!(right instanceof CedarSet)) return wrongType(`one of [set, ${ENTITY}]`, right)
  for (const item of right.items) asUid(item)
  return right.items.some((item) => isWithin(entity, uid, (item as Uid).key))
}

export const containsAll = (left: CedarValue, right: CedarValue): boolean => {
  const all = asSet(left)
  return asSet(right).items.every((item) => all.has(item))
}

export const containsAny = (left: CedarValue, right: CedarValue): boolean => {
  const all = asSet(left)
  return asSet(right).items.some((item) => all.has(item))
}
