/** Cedar's operators on evaluated values. Each fails where Cedar's fails. */
import { fail } from './errors.ts'
import { type CedarQuestion, CedarRecord, CedarSet, type CedarValue, Uid } from './values.ts'

const typeName = (value: CedarValue): string => {
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value !== 'object') return 'long'
  if (value instanceof Uid) return `(entity of type \`${value.type}\`)`
  return value instanceof CedarSet ? 'set' : 'record'
}

const wrongType = (wanted: string, value: CedarValue): never =>
  fail(`type error: expected ${wanted}, got ${typeName(value)}`)

export const asBool = (value: CedarValue): boolean => (typeof value === 'boolean' ? value : wrongType('bool', value))
export const asString = (value: CedarValue): string => (typeof value === 'string' ? value : wrongType('string', value))
export const asSet = (value: CedarValue): CedarSet => (value instanceof CedarSet ? value : wrongType('set', value))
export const asUid = (value: CedarValue): Uid =>
  value instanceof Uid ? value : wrongType('(entity of type `any_entity_type`)', value)
export const asLong = (value: CedarValue): number | bigint =>
  typeof value === 'number' || typeof value === 'bigint' ? value : wrongType('long', value)

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n

/** The one form of a long; Cedar's longs have 64 bits and fail beyond them. */
export const long = (exact: bigint): number | bigint => {
  if (exact < MIN || exact > MAX) fail('integer overflow')
  const small = Number(exact)
  return Number.isSafeInteger(small) ? small : exact
}

type Long = number | bigint

export const add = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a + b : Number.NaN
  return Number.isSafeInteger(quick) ? quick : long(BigInt(a) + BigInt(b))
}

export const subtract = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a - b : Number.NaN
  return Number.isSafeInteger(quick) ? quick : long(BigInt(a) - BigInt(b))
}

/** `+ 0` makes a negative zero, which Cedar does not have, a zero. */
export const multiply = (a: Long, b: Long): Long => {
  const quick = typeof a === 'number' && typeof b === 'number' ? a * b + 0 : Number.NaN
  return Number.isSafeInteger(quick) ? quick : long(BigInt(a) * BigInt(b))
}

export const negate = (a: Long): Long => subtract(0, a)

const noEntity = (uid: Uid): never => fail(`entity \`${uid.type}::${JSON.stringify(uid.id)}\` does not exist`)

export const getAttribute = (question: CedarQuestion, value: CedarValue, name: string): CedarValue => {
  const record =
    value instanceof Uid
      ? (question.entities.get(value.key)?.attrs ?? noEntity(value))
      : value instanceof CedarRecord
        ? value
        : undefined
  if (record === undefined) return wrongType('(entity or record)', value)
  return record.fields.get(name) ?? fail(`attribute ${JSON.stringify(name)} does not exist`)
}

/** An entity that nobody gave has no attributes. */
export const hasAttribute = (question: CedarQuestion, value: CedarValue, name: string): boolean => {
  if (value instanceof Uid) return question.entities.get(value.key)?.attrs.fields.has(name) ?? false
  return value instanceof CedarRecord ? value.fields.has(name) : wrongType('(entity or record)', value)
}

export const isWithin = (question: CedarQuestion, uid: Uid, ancestor: string): boolean =>
  uid.key === ancestor || (question.entities.get(uid.key)?.ancestors.has(ancestor) ?? false)

/** Cedar looks at the type of every element before it looks for one. */
export const isIn = (question: CedarQuestion, left: CedarValue, right: CedarValue): boolean => {
  const uid = asUid(left)
  if (right instanceof Uid) return isWithin(question, uid, right.key)
  if (!(right instanceof CedarSet)) return wrongType('(set or entity)', right)
  return right.items.map(asUid).some(({ key }) => isWithin(question, uid, key))
}

/**
 * `like` with its literals between the wildcards: first and last are anchored, those between are found from left to
 * right, which is enough, since taking the earliest place never loses a match. One pass over the text.
 */
export const likePattern = (literals: readonly string[]): ((text: string) => boolean) => {
  const first = literals[0] ?? ''
  if (literals.length <= 1) return (text) => text === first
  const last = literals.at(-1) ?? ''
  const between = literals.slice(1, -1).filter((literal) => literal !== '')
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const literal of between) {
      const found = text.indexOf(literal, at)
      if (found < 0 || found + literal.length > end) return false
      at = found + literal.length
    }
    return true
  }
}
