/** Policies, entities and requests that reach every operator of the compiler and every way to fail. Types are not respected on purpose. */
import fc from 'fast-check'
import { CedarQuestion, type EntityFacts, linkEntities } from '../compile/entities.ts'
import { CedarRecord, CedarSet, type CedarValue, NO_FIELDS, Uid } from '../compile/values.ts'

const NAMES = ['a', 'b', '__proto__', '', 'constructor', 'é x'] as const
const TEXTS = ['', 'a', 'ab', 'aab', '*', 'a*b', '__proto__', '😀é', 'x"\\\n'] as const
const LONGS = [0, 1, -1, 2, 3, 7, 4611686018427, 9007199254740991, -9007199254740991] as const

const UIDS = [
  'G::"1"',
  'G::"2"',
  'U::"1"',
  'U::"2"',
  'U::"missing"',
  'R::"1"',
  'R::"2"',
  'Action::"read"',
  'Action::"all"',
] as const

/** Cedar's text for a string. */
export const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`

const parseUid = (text: string): Uid => {
  const [type = '', id = ''] = text.split('::')
  return new Uid(type, id.slice(1, -1))
}

const literal = fc.oneof(
  fc.constantFrom('true', 'false'),
  fc.constantFrom(...LONGS).map((value) => `(${value})`),
  // The ends of 64 bits, and beyond them.
  fc.constantFrom('(9007199254740991 * 1024 + 1023)', '(9007199254740991 * 4096)', '(-9007199254740991 * 1024 - 1024)'),
  fc.constantFrom(...TEXTS).map(quoted),
  fc.constantFrom(...UIDS),
)
const variable = fc.constantFrom('principal', 'action', 'resource', 'context')
const name = fc.constantFrom(...NAMES).map(quoted)
const pattern = fc
  .array(fc.constantFrom('*', 'a', 'b', 'ab', '\\*', '😀'), { maxLength: 6 })
  .map((parts) => `"${parts.join('')}"`)
const comparison = fc.constantFrom('==', '!=', '<', '<=', '>', '>=', '+', '-', '*', 'in', '&&', '||')
const method = fc.constantFrom('contains', 'containsAll', 'containsAny')

/** Source text of an expression, always in brackets. */
export const expression: fc.Arbitrary<string> = fc.letrec<{ expr: string }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    literal,
    variable,
    fc.tuple(variable, name).map(([left, attr]) => `${left}[${attr}]`),
    fc.tuple(tie('expr'), comparison, tie('expr')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('expr'), comparison, tie('expr')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie('expr'), tie('expr'), tie('expr')).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
    tie('expr').map((a) => `(!${a})`),
    tie('expr').map((a) => `(-${a})`),
    fc.tuple(tie('expr'), name).map(([a, attr]) => `(${a} has ${attr})`),
    tie('expr').map((a) => `(${a} has a.b)`),
    fc.tuple(tie('expr'), name).map(([a, attr]) => `${a}[${attr}]`),
    fc.tuple(tie('expr'), pattern).map(([a, like]) => `(${a} like ${like})`),
    fc.tuple(tie('expr'), fc.constantFrom('U', 'G', 'R', 'Action')).map(([a, type]) => `(${a} is ${type})`),
    fc.tuple(tie('expr'), tie('expr')).map(([a, b]) => `(${a} is U in ${b})`),
    fc.tuple(tie('expr'), method, tie('expr')).map(([a, call, b]) => `${a}.${call}(${b})`),
    tie('expr').map((a) => `${a}.isEmpty()`),
    fc.array(tie('expr'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    fc
      .uniqueArray(fc.tuple(name, tie('expr')), { maxLength: 2, selector: ([key]) => key })
      .map((fields) => `{${fields.map(([key, value]) => `${key}: ${value}`).join(', ')}}`),
  ),
})).expr

const entityScope = (variableName: string, types: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(variableName),
    fc.constantFrom(...UIDS.slice(0, 7)).map((uid) => `${variableName} == ${uid}`),
    fc.constantFrom(...UIDS.slice(0, 7)).map((uid) => `${variableName} in ${uid}`),
    fc.constantFrom(...types).map((type) => `${variableName} is ${type}`),
    fc
      .tuple(fc.constantFrom(...types), fc.constantFrom(...UIDS.slice(0, 4)))
      .map(([type, uid]) => `${variableName} is ${type} in ${uid}`),
  )

const actionScope = fc.constantFrom(
  'action',
  'action',
  'action == Action::"read"',
  'action in Action::"all"',
  'action in [Action::"write", Action::"all"]',
  'action in [Action::"read", Action::"write"]',
  'action == Action::"write"',
)

const clause = fc.tuple(fc.constantFrom('when', 'unless'), expression).map(([kind, body]) => `${kind} { ${body} }`)

export const policyText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('permit', 'permit', 'forbid'),
    entityScope('principal', ['U', 'G']),
    actionScope,
    entityScope('resource', ['R', 'U']),
    fc.array(clause, { maxLength: 2 }),
  )
  .map(
    ([effect, principal, action, resource, clauses]) =>
      `${effect} (${principal}, ${action}, ${resource}) ${clauses.join(' ')};`,
  )

const value: fc.Arbitrary<CedarValue> = fc.letrec<{ value: CedarValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.boolean(),
    fc.constantFrom<CedarValue>(...LONGS),
    fc.constantFrom<CedarValue>(...TEXTS),
    fc.constantFrom(...UIDS).map(parseUid),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new CedarSet(items)),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 3 })
      .map((fields) => CedarRecord.of(fields)),
  ),
})).value

const attributes = fc
  .array(fc.tuple(fc.constantFrom<string>(...NAMES), value), { maxLength: 4 })
  .map((fields) => CedarRecord.of(fields))

const parents = fc.subarray(['G::"1"', 'G::"2"']).map((uids) => uids.map(parseUid))

const entity = (uid: string, within: fc.Arbitrary<Uid[]>): fc.Arbitrary<EntityFacts> =>
  fc.tuple(attributes, within).map(([attrs, above]) => ({ uid: parseUid(uid), attrs, parents: above }))

const none = fc.constant<Uid[]>([])

export const question: fc.Arbitrary<CedarQuestion> = fc
  .record({
    principal: fc.constantFrom('U::"1"', 'U::"2"', 'U::"missing"', 'G::"1"').map(parseUid),
    action: fc.constantFrom('Action::"read"', 'Action::"write"').map(parseUid),
    resource: fc.constantFrom('R::"1"', 'R::"2"', 'U::"1"').map(parseUid),
    context: attributes,
    entities: fc.tuple(
      entity('U::"1"', parents),
      entity('U::"2"', parents),
      entity('R::"1"', parents),
      entity(
        'G::"1"',
        fc.subarray(['G::"2"']).map((uids) => uids.map(parseUid)),
      ),
      entity('G::"2"', none),
    ),
  })
  .map(({ entities, ...rest }) => {
    const read = { uid: parseUid('Action::"read"'), attrs: NO_FIELDS, parents: [parseUid('Action::"all"')] }
    return new CedarQuestion(rest, rest.context, linkEntities([...entities, read]))
  })
