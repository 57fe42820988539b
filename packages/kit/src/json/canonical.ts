/** RFC 8785, JSON Canonicalization Scheme: one text for one value. */
import { bug } from '../errors.ts'

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const DEEPEST = 512

const cannot = (what: string) => bug('canonical_json_impossible', `cannot canonicalize ${what}`)

/** RFC 8785 section 3.2.2.2 */
const stringText = (text: string): string => {
  if (text.length < 64 && PLAIN.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw cannot('half of a surrogate pair')
  return JSON.stringify(text)
}

/** RFC 8785 section 3.2.2.3: the ECMAScript text of a double; -0 becomes 0. */
const numberText = (value: number): string => {
  if (!Number.isFinite(value)) throw cannot(String(value))
  return String(value)
}

/** RFC 8785 section 3.2.3: by UTF-16 code units, which is how JavaScript compares strings. */
const sorted = (names: string[]): string[] => {
  for (let at = 1; at < names.length; at += 1) {
    if ((names[at - 1] as string) > (names[at] as string)) return names.sort()
  }
  return names
}

const objectText = (value: object, depth: number): string => {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw cannot(`an instance of ${prototype.constructor?.name}`)
  let text = ''
  for (const name of sorted(Object.keys(value))) {
    const member = valueText((value as Record<string, unknown>)[name], depth)
    text += `${text === '' ? '' : ','}${stringText(name)}:${member}`
  }
  return `{${text}}`
}

const valueText = (value: unknown, depth: number): string => {
  switch (typeof value) {
    case 'string':
      return stringText(value)
    case 'number':
      return numberText(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object': {
      if (value === null) return 'null'
      if (depth >= DEEPEST) throw cannot('such deep nesting, or a cycle')
      if (!Array.isArray(value)) return objectText(value, depth + 1)
      let text = ''
      for (let at = 0; at < value.length; at += 1) text += `${at === 0 ? '' : ','}${valueText(value[at], depth + 1)}`
      return `[${text}]`
    }
    default:
      throw cannot(`a value of type ${typeof value}`)
  }
}

/**
 * Would JSON.stringify write the canonical text? It does where every object has its names in order and nothing stands
 * that it would drop or rewrite. Throws for what JSON cannot say; `optional`: a member may be undefined.
 */
const inOrder = (value: unknown, depth: number, optional: boolean): boolean => {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw cannot('half of a surrogate pair')
      return true
    case 'number':
      if (!Number.isFinite(value)) throw cannot(String(value))
      return true
    case 'boolean':
      return true
    case 'object':
      if (value === null) return true
      if (depth >= DEEPEST) throw cannot('such deep nesting, or a cycle')
      return Array.isArray(value)
        ? elementsInOrder(value, depth + 1, optional)
        : membersInOrder(value, depth + 1, optional)
    default:
      throw cannot(`a value of type ${typeof value}`)
  }
}

const elementsInOrder = (value: readonly unknown[], depth: number, optional: boolean): boolean => {
  for (let at = 0; at < value.length; at += 1) if (!inOrder(value[at], depth, optional)) return false
  return true
}

const membersInOrder = (value: object, depth: number, optional: boolean): boolean => {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  let last = ''
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name]
    if (name < last || !name.isWellFormed()) return false
    if (!(optional && member === undefined) && !inOrder(member, depth, optional)) return false
    last = name
  }
  return true
}

const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null) return value
  // NOTE: without a prototype, `__proto__` is a member like any other.
  const clean: Record<string, unknown> = Object.create(null)
  for (const [key, member] of Object.entries(value)) if (member !== undefined) clean[key] = withoutUndefined(member)
  return clean
}

/** Throws `bug` for what JSON cannot say: undefined, NaN, half of a surrogate pair, cycles, class instances. */
export const canonicalize = (value: unknown): string =>
  inOrder(value, 0, false) ? JSON.stringify(value) : valueText(value, 0)

/** Members that are there but undefined say the same as members that are not there. Fast where names stand in order. */
export const canonicalizeDefined = (value: object): string =>
  inOrder(value, 0, true) ? JSON.stringify(value) : valueText(withoutUndefined(value), 0)
