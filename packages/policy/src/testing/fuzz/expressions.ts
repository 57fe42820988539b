/** Text of expressions of a wanted type, over what the universe declares, with noise that does not respect types. */
import type { Choice } from './choice.ts'
import {
  ENTITY_TYPES,
  type EntityDeclaration,
  type Fields,
  NAMES,
  someType,
  type Type,
  type Universe,
} from './universe.ts'
import { EXTENSION_TEXTS, type ExtensionKind, isExtension, LONGS, quoted, TEXTS, uid, uidText } from './values.ts'

export interface Writing {
  readonly choice: Choice
  readonly universe: Universe
  /** The strict validator is to accept it. */
  readonly strict: boolean
  /** Entity types of the variables, as the scope says; undefined: not known. */
  readonly principal: string | undefined
  readonly resource: string | undefined
}

type Write = (writing: Writing, depth: number) => string

const BOOL: Type = { kind: 'bool' }
const LONG: Type = { kind: 'long' }
const TEXT: Type = { kind: 'string' }

const sameType = (a: Type, b: Type): boolean => {
  if (a.kind === 'entity' && b.kind === 'entity') return a.name === b.name
  if (a.kind === 'set' && b.kind === 'set') return sameType(a.of, b.of)
  if (a.kind === 'record' && b.kind === 'record') return a.fields === b.fields
  return a.kind === b.kind
}

const declarationOf = ({ universe }: Writing, type: string | undefined): EntityDeclaration | undefined =>
  type === undefined ? undefined : universe.entities.get(type)

const plainName = /^[a-z]+$/
const KEYWORDS = new Set(['if', 'in', 'is', 'has', 'like', 'then', 'else', 'true', 'false'])

export const access = (choice: Choice, left: string, name: string): string =>
  plainName.test(name) && !KEYWORDS.has(name) && choice.chance(70) ? `${left}.${name}` : `${left}[${quoted(name)}]`

const nameText = (choice: Choice, name: string): string =>
  plainName.test(name) && !KEYWORDS.has(name) && choice.chance(70) ? name : quoted(name)

interface Path {
  readonly text: string
  /** What must hold before it is read; empty: nothing. */
  readonly guard: string
  readonly type: Type
}

const fieldPaths = (choice: Choice, left: Path, fields: Fields): Path[] =>
  [...fields].map(([name, { type, required }]) => {
    const has = `${left.text} has ${nameText(choice, name)}`
    const guards = [left.guard, required ? '' : has].filter((guard) => guard !== '')
    return { text: access(choice, left.text, name), guard: guards.join(' && '), type }
  })

const fieldsOf = (writing: Writing, type: Type): Fields | undefined =>
  type.kind === 'record'
    ? type.fields
    : type.kind === 'entity'
      ? declarationOf(writing, type.name)?.attributes
      : undefined

/** Everything that can be read with one or two steps from a variable. */
const paths = (writing: Writing): Path[] => {
  const { choice, universe, principal, resource } = writing
  const roots: Path[] = [{ text: 'context', guard: '', type: { kind: 'record', fields: universe.context } }]
  if (principal !== undefined) roots.push({ text: 'principal', guard: '', type: { kind: 'entity', name: principal } })
  if (resource !== undefined) roots.push({ text: 'resource', guard: '', type: { kind: 'entity', name: resource } })
  const step = (from: readonly Path[]): Path[] =>
    from.flatMap((path) => fieldPaths(choice, path, fieldsOf(writing, path.type) ?? new Map()))
  const first = step(roots)
  return [...roots, ...first, ...step(first)]
}

/** In strict policies what is optional is read behind `has`, with a literal where it is absent. */
const readPath = (writing: Writing, { text, guard }: Path, wanted: Type): string =>
  guard === '' || !writing.strict ? text : `(if ${guard} then ${text} else ${literal(writing, wanted)})`

const somePath = (writing: Writing, wanted: Type): string => {
  const { choice } = writing
  const fitting = paths(writing).filter(({ type }) => sameType(type, wanted))
  if (fitting.length > 0) return readPath(writing, choice.pick(fitting), wanted)
  if (writing.strict) return literal(writing, wanted)
  return access(choice, choice.pick(['principal', 'action', 'resource', 'context']), choice.pick(NAMES))
}

const CONSTRUCTORS: Readonly<Record<ExtensionKind, string>> = {
  decimal: 'decimal',
  ipaddr: 'ip',
  datetime: 'datetime',
  duration: 'duration',
}

const extensionText = ({ choice, strict }: Writing, kind: ExtensionKind): string => {
  const texts = EXTENSION_TEXTS[kind]
  // NOTE: the validator reads literals too, so strict policies hold only such as parse; those stand first in the lists.
  const wellFormed = { decimal: 11, ipaddr: 26, datetime: 14, duration: 18 }[kind]
  const text = strict || choice.chance(85) ? texts[choice.number(wellFormed - 1)] : choice.pick<string>(texts)
  return `${CONSTRUCTORS[kind]}(${quoted(text ?? '')})`
}

const longText = (choice: Choice): string => {
  const long = choice.pick(LONGS)
  return long < 0 ? `(${long})` : String(long)
}

const literal = (writing: Writing, wanted: Type): string => {
  const { choice, strict } = writing
  switch (wanted.kind) {
    case 'bool':
      return choice.pick(['true', 'false'])
    case 'long':
      return longText(choice)
    case 'string':
      return quoted(choice.pick(TEXTS))
    case 'entity':
      return uidText(uid(choice, wanted.name))
    case 'set':
      return `[${choice.times(strict ? 1 : 0, 3, () => literal(writing, wanted.of)).join(', ')}]`
    case 'record':
      return recordText(writing, wanted.fields, 0)
    default:
      return extensionText(writing, wanted.kind)
  }
}

/** INVARIANT: a name stands once; Cedar does not parse it otherwise. */
const recordText = (writing: Writing, fields: Fields, depth: number): string => {
  const kept = [...fields].filter(([, { required }]) => required || writing.choice.chance(50))
  const texts = kept.map(([name, { type }]) => `${quoted(name)}: ${expression(writing, type, depth - 1)}`)
  return `{${texts.join(', ')}}`
}

const of =
  (type: Type): Write =>
  (writing, depth) =>
    expression(writing, type, depth - 1)

const infix =
  (operator: string, left: Write, right: Write = left): Write =>
  (writing, depth) =>
    `(${left(writing, depth)} ${operator} ${right(writing, depth)})`

const call =
  (name: string, self: Write, ...args: readonly Write[]): Write =>
  (writing, depth) =>
    `${self(writing, depth)}.${name}(${args.map((arg) => arg(writing, depth)).join(', ')})`

/** Two sides of one type, whatever it is. */
const alike =
  (make: (left: string, right: string) => string): Write =>
  (writing, depth) => {
    const type = someType(writing.choice, 1)
    return make(expression(writing, type, depth - 1), expression(writing, type, depth - 1))
  }

const entityOf: Write = (writing, depth) =>
  expression(writing, { kind: 'entity', name: writing.choice.pick(ENTITY_TYPES) }, depth - 1)

const setOf =
  (type: Type): Write =>
  (writing, depth) =>
    expression(writing, { kind: 'set', of: type }, depth - 1)

const setWith =
  (name: string, sets: boolean): Write =>
  (writing, depth) => {
    const type = someType(writing.choice, 1)
    const left = expression(writing, { kind: 'set', of: type }, depth - 1)
    const right = expression(writing, sets ? { kind: 'set', of: type } : type, depth - 1)
    return `${left}.${name}(${right})`
  }

const PATTERNS = ['*', 'a', 'b', 'ab', '\\*', '😀', '"', '\\0', 'é', '\\u{1F600}'] as const

const likeText: Write = (writing, depth) => {
  const parts = writing.choice.times(0, 6, () => writing.choice.pick(PATTERNS))
  const pattern = parts.join('').replaceAll('"', '\\"')
  return `(${expression(writing, TEXT, depth - 1)} like "${pattern}")`
}

const hasText: Write = (writing, depth) => {
  const { choice } = writing
  const left = choice.chance(70)
    ? choice.pick(paths(writing).filter(({ type, guard }) => guard === '' && fieldsOf(writing, type) !== undefined))
        .text
    : entityOf(writing, depth)
  if (choice.chance(25)) return `(${left} has ${choice.times(2, 3, () => choice.pick(['a', 'b', 'cc'])).join('.')})`
  return `(${left} has ${nameText(choice, choice.pick(NAMES))})`
}

const isText: Write = (writing, depth) => {
  const { choice } = writing
  const left = choice.chance(60) ? choice.pick(['principal', 'resource']) : entityOf(writing, depth)
  const within = choice.chance(30)
    ? ` in ${choice.chance(70) ? entityOf(writing, depth) : setOf(entityType(choice))(writing, depth)}`
    : ''
  return `(${left} is ${choice.pick(ENTITY_TYPES)}${within})`
}

const entityType = (choice: Choice): Type => ({ kind: 'entity', name: choice.pick(ENTITY_TYPES) })

const inText: Write = (writing, depth) => {
  const { choice } = writing
  if (choice.chance(15)) return `(action in Action::"${choice.pick(['all', 'some', 'read', 'none'])}")`
  const left = choice.chance(60) ? choice.pick(['principal', 'resource']) : entityOf(writing, depth)
  const right = choice.chance(70) ? entityOf(writing, depth) : setOf(entityType(choice))(writing, depth)
  return `(${left} in ${right})`
}

const tagKey: Write = (writing, depth) =>
  writing.choice.chance(70) ? quoted(writing.choice.pick(NAMES)) : expression(writing, TEXT, depth - 1)

const hasTagText: Write = (writing, depth) => `${entityOf(writing, depth)}.hasTag(${tagKey(writing, depth)})`

/** In strict policies behind `hasTag` of the same key. */
const getTagText = (writing: Writing, wanted: Type, depth: number): string => {
  const { choice, universe, strict } = writing
  const tagged = [...universe.entities].filter(([, { tags }]) => tags !== undefined && sameType(tags, wanted))
  const key = quoted(choice.pick(NAMES))
  const [name] = tagged.length > 0 ? choice.pick(tagged) : [choice.pick(ENTITY_TYPES)]
  if (!strict) return `${expression(writing, { kind: 'entity', name }, depth - 1)}.getTag(${tagKey(writing, depth)})`
  if (tagged.length === 0) return literal(writing, wanted)
  const entity = uidText(uid(choice, name))
  return `(if ${entity}.hasTag(${key}) then ${entity}.getTag(${key}) else ${literal(writing, wanted)})`
}

const DECIMAL = of({ kind: 'decimal' })
const IP = of({ kind: 'ipaddr' })
const TIME = of({ kind: 'datetime' })
const SPAN = of({ kind: 'duration' })

const NOT: Write = (writing, depth) => `(!${expression(writing, BOOL, depth - 1)})`
const AND = infix('&&', of(BOOL))
const OR = infix('||', of(BOOL))

const BOOLEANS: readonly Write[] = [
  AND,
  OR,
  NOT,
  AND,
  OR,
  alike((left, right) => `(${left} == ${right})`),
  alike((left, right) => `(${left} != ${right})`),
  ...['<', '<=', '>', '>='].flatMap((operator) => [
    infix(operator, of(LONG)),
    infix(operator, TIME),
    infix(operator, SPAN),
  ]),
  setWith('contains', false),
  setWith('containsAll', true),
  setWith('containsAny', true),
  (writing, depth) => `${setOf(someType(writing.choice, 1))(writing, depth)}.isEmpty()`,
  likeText,
  hasText,
  hasText,
  isText,
  inText,
  inText,
  hasTagText,
  call('lessThan', DECIMAL, DECIMAL),
  call('lessThanOrEqual', DECIMAL, DECIMAL),
  call('greaterThan', DECIMAL, DECIMAL),
  call('greaterThanOrEqual', DECIMAL, DECIMAL),
  call('isIpv4', IP),
  call('isIpv6', IP),
  call('isLoopback', IP),
  call('isMulticast', IP),
  call('isInRange', IP, IP),
  call('isInRange', IP, IP),
]

const LONGS_OF: readonly Write[] = [
  infix('+', of(LONG)),
  infix('-', of(LONG)),
  infix('*', of(LONG)),
  (writing, depth) => `(-${expression(writing, LONG, depth - 1)})`,
  ...['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'].map((name) => call(name, SPAN)),
]

const TIMES: readonly Write[] = [call('offset', TIME, SPAN), call('toDate', TIME)]
const SPANS: readonly Write[] = [call('durationSince', TIME, TIME), call('toTime', TIME)]

/** What nobody would write, and the engine takes. */
const ODD: readonly Write[] = [
  (writing, depth) => `ip(${expression(writing, TEXT, depth - 1)})`,
  (writing, depth) => `decimal(${expression(writing, TEXT, depth - 1)})`,
  (writing, depth) => `datetime(${expression(writing, TEXT, depth - 1)})`,
  (writing, depth) => `duration(${expression(writing, TEXT, depth - 1)})`,
  () => 'decimal()',
  (writing, depth) => `ip(${expression(writing, TEXT, depth - 1)}, ${expression(writing, LONG, depth - 1)})`,
  (writing, depth) => `${IP(writing, depth)}.isInRange()`,
  (writing, depth) => `${TIME(writing, depth)}.offset(${SPAN(writing, depth)}, ${SPAN(writing, depth)})`,
  (writing) => `unknown(${quoted(writing.choice.pick(NAMES))})`,
]

const operation = (writing: Writing, wanted: Type, depth: number): string => {
  const { choice } = writing
  if (choice.chance(12)) {
    const parts = [BOOL, wanted, wanted].map((type) => expression(writing, type, depth - 1))
    return `(if ${parts[0]} then ${parts[1]} else ${parts[2]})`
  }
  if (choice.chance(8)) return getTagText(writing, wanted, depth)
  if (wanted.kind === 'bool') return choice.pick(BOOLEANS)(writing, depth)
  if (wanted.kind === 'long') return choice.pick(LONGS_OF)(writing, depth)
  if (wanted.kind === 'datetime') return choice.pick(TIMES)(writing, depth)
  if (wanted.kind === 'duration') return choice.pick(SPANS)(writing, depth)
  if (wanted.kind === 'record') return recordText(writing, wanted.fields, depth)
  if (wanted.kind === 'set') {
    return `[${choice.times(1, 3, () => expression(writing, wanted.of, depth - 1)).join(', ')}]`
  }
  return somePath(writing, wanted)
}

const NOISE = 3

export const expression = (writing: Writing, wanted: Type, depth: number): string => {
  const { choice, strict } = writing
  if (!strict && choice.chance(NOISE)) {
    return choice.chance(30) && depth > 0
      ? choice.pick(ODD)(writing, depth)
      : expression(writing, someType(choice, 1), Math.min(depth, 1))
  }
  if (depth <= 0) return choice.chance(50) ? literal(writing, wanted) : somePath(writing, wanted)
  if (choice.chance(12)) return somePath(writing, wanted)
  if (choice.chance(isExtension(wanted.kind) ? 40 : 5)) return literal(writing, wanted)
  return operation(writing, wanted, depth)
}

export const condition = (writing: Writing): string => expression(writing, BOOL, 2 + writing.choice.number(2))
