/** What a case is about: a schema, and the types that it declares. */
import type { Choice } from './choice.ts'

export type Type =
  | { readonly kind: 'bool' | 'long' | 'string' | 'decimal' | 'ipaddr' | 'datetime' | 'duration' }
  | { readonly kind: 'entity'; readonly name: string }
  | { readonly kind: 'set'; readonly of: Type }
  | { readonly kind: 'record'; readonly fields: Fields }

export interface Field {
  readonly type: Type
  readonly required: boolean
}
export type Fields = ReadonlyMap<string, Field>

export interface EntityDeclaration {
  readonly attributes: Fields
  readonly tags: Type | undefined
  readonly parents: readonly string[]
}

export interface Universe {
  readonly entities: ReadonlyMap<string, EntityDeclaration>
  readonly context: Fields
  /** Actions with their groups. */
  readonly actions: ReadonlyMap<string, readonly string[]>
  /** Cedar's JSON form. */
  readonly schema: unknown
}

export const PLAIN_KINDS = ['bool', 'long', 'string', 'decimal', 'ipaddr', 'datetime', 'duration'] as const
export const ENTITY_TYPES = ['U', 'G', 'R', 'N::T'] as const
export const NAMES = ['a', 'b', 'cc', '__proto__', '', 'constructor', 'é x', 'q"\\', 'if'] as const
export const GROUPS = ['all', 'some'] as const

const plainType = (choice: Choice): Type =>
  choice.chance(25) ? { kind: 'entity', name: choice.pick(ENTITY_TYPES) } : { kind: choice.pick(PLAIN_KINDS) }

export const someType = (choice: Choice, depth = 2): Type => {
  if (depth === 0 || choice.chance(65)) return plainType(choice)
  return choice.chance(55)
    ? { kind: 'set', of: someType(choice, depth - 1) }
    : { kind: 'record', fields: someFields(choice, depth - 1) }
}

const someFields = (choice: Choice, depth: number): Fields =>
  new Map(
    choice.times(1, 4, () => [
      choice.pick(NAMES),
      { type: someType(choice, depth), required: choice.chance(60) } satisfies Field,
    ]),
  )

const typeJson = (type: Type): Readonly<Record<string, unknown>> => {
  switch (type.kind) {
    case 'bool':
      return { type: 'Boolean' }
    case 'long':
      return { type: 'Long' }
    case 'string':
      return { type: 'String' }
    case 'entity':
      return { type: 'Entity', name: type.name }
    case 'set':
      return { type: 'Set', element: typeJson(type.of) }
    case 'record':
      return recordJson(type.fields)
    default:
      return { type: 'Extension', name: type.kind }
  }
}

const recordJson = (fields: Fields): Readonly<Record<string, unknown>> => ({
  type: 'Record',
  attributes: Object.fromEntries(
    [...fields].map(([name, { type, required }]) => [name, { ...typeJson(type), required }]),
  ),
})

const entityJson = ({ attributes, tags, parents }: EntityDeclaration) => ({
  memberOfTypes: parents,
  shape: recordJson(attributes),
  ...(tags === undefined ? {} : { tags: typeJson(tags) }),
})

const schemaOf = ({ entities, context, actions }: Omit<Universe, 'schema'>): unknown => {
  const declared = (namespace: string) =>
    Object.fromEntries(
      [...entities].flatMap(([name, declaration]) => {
        const [inside, own] = name.includes('::') ? name.split('::') : ['', name]
        return inside === namespace && own !== undefined ? [[own, entityJson(declaration)]] : []
      }),
    )
  const appliesTo = {
    principalTypes: [...entities.keys()],
    resourceTypes: [...entities.keys()],
    context: recordJson(context),
  }
  const actionJson = ([name, groups]: readonly [string, readonly string[]]) => [
    name,
    { memberOf: groups.map((id) => ({ id })), appliesTo },
  ]
  const groups = Object.fromEntries(GROUPS.map((name) => [name, { memberOf: name === 'some' ? [{ id: 'all' }] : [] }]))
  return {
    '': { entityTypes: declared(''), actions: { ...groups, ...Object.fromEntries([...actions].map(actionJson)) } },
    N: { entityTypes: declared('N'), actions: {} },
  }
}

export const someUniverse = (choice: Choice): Universe => {
  const entities = new Map(
    ENTITY_TYPES.map((name) => [
      name,
      {
        attributes: someFields(choice, 1),
        tags: choice.chance(60) ? someType(choice, 1) : undefined,
        parents: ENTITY_TYPES.filter(() => choice.chance(50)),
      },
    ]),
  )
  const context = someFields(choice, 2)
  const actions = new Map(['read', 'write'].map((name) => [name, GROUPS.filter(() => choice.chance(40))] as const))
  return { entities, context, actions, schema: schemaOf({ entities, context, actions }) }
}
