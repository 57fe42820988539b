/**
 * Arguments of a server's tools as one Cedar type, from their JSON Schemas. One type stands for all tools, since policies
 * read `context.arguments` before they know the tool: what two tools mean differently cannot be typed.
 *
 * What an argument may be beside the declared type (null, another type, a fraction) makes the whole record unreadable at
 * run time, so only what the schema says to be of exactly one type is typed.
 */
import type { JsonValue } from '@credence/kit/json'

export interface ToolDefinition {
  readonly name: string
  readonly inputSchema?: JsonValue
}

export interface Untyped {
  readonly tool: string
  /** `deep.list[]`. */
  readonly argument: string
  readonly why: string
}

export interface ArgumentTypes {
  /** Text for `schema.cedarschema`. */
  readonly schema: string
  readonly typed: readonly string[]
  readonly untyped: readonly Untyped[]
}

type Json = { readonly [name: string]: JsonValue }
const isJson = (value: JsonValue | undefined): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type CedarType =
  | { readonly kind: 'Bool' | 'Long' | 'String' }
  | { readonly kind: 'Set'; readonly of: CedarType }
  | { readonly kind: 'Record'; readonly fields: ReadonlyMap<string, CedarType> }

/** Why a schema has no Cedar type. */
class NoType extends Error {}

const PLAIN: Readonly<Record<string, CedarType>> = {
  boolean: { kind: 'Bool' },
  integer: { kind: 'Long' },
  string: { kind: 'String' },
}

/** Words that give a schema more than the one meaning of its `type`. */
const MEANS_MORE = ['$ref', '$dynamicRef', 'anyOf', 'oneOf', 'allOf', 'not', 'if', 'patternProperties', 'prefixItems']
const DEEPEST = 8

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Cedar takes them as names in quotes only. */
const RESERVED = new Set(['true', 'false', 'if', 'then', 'else', 'in', 'is', 'like', 'has', '__cedar'])
const nameText = (name: string): string => (NAME.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name))

/** A name that cannot be written in Cedar as it is in JSON. */
const UNSAYABLE = /[\p{C}\p{Zl}\p{Zp}"\\]/u

interface Walk {
  readonly tool: string
  readonly untyped: Untyped[]
}

const fieldsOf = (
  properties: JsonValue | undefined,
  path: string,
  depth: number,
  walk: Walk,
): Map<string, CedarType> => {
  const fields = new Map<string, CedarType>()
  for (const [name, schema] of Object.entries(isJson(properties) ? properties : {})) {
    const argument = path === '' ? name : `${path}.${name}`
    try {
      if (UNSAYABLE.test(name)) throw new NoType('its name cannot be written in Cedar')
      fields.set(name, typeOf(schema, argument, depth + 1, walk))
    } catch (error) {
      if (!(error instanceof NoType)) throw error
      walk.untyped.push({ tool: walk.tool, argument, why: error.message })
    }
  }
  return fields
}

const listType = (schema: Json, path: string, depth: number, walk: Walk): CedarType => {
  if (schema.items === undefined) throw new NoType('what the list holds is not said')
  const inner: Walk = { tool: walk.tool, untyped: [] }
  const of = typeOf(schema.items, `${path}[]`, depth + 1, inner)
  walk.untyped.push(...inner.untyped)
  return { kind: 'Set', of }
}

const namedType = (schema: Json, path: string, depth: number, walk: Walk): CedarType => {
  const { type } = schema
  if (Array.isArray(type)) throw new NoType(`it is one of ${type.join(', ')}`)
  if (type === 'number') throw new NoType('fractions have no type in Cedar; `integer` has')
  if (type === 'array') return listType(schema, path, depth, walk)
  if (type === 'object') {
    if (!isJson(schema.properties)) throw new NoType('its members are not named')
    return { kind: 'Record', fields: fieldsOf(schema.properties, path, depth, walk) }
  }
  const plain = typeof type === 'string' && Object.hasOwn(PLAIN, type) ? PLAIN[type] : undefined
  if (plain === undefined)
    throw new NoType(type === undefined ? 'no type is said' : `${String(type)} has no type in Cedar`)
  return plain
}

const literalType = (values: readonly JsonValue[]): CedarType => {
  if (values.length > 0 && values.every((value) => typeof value === 'string')) return { kind: 'String' }
  if (values.length > 0 && values.every((value) => typeof value === 'boolean')) return { kind: 'Bool' }
  if (values.length > 0 && values.every((value) => Number.isSafeInteger(value))) return { kind: 'Long' }
  throw new NoType('its values are of several types')
}

const typeOf = (schema: JsonValue, path: string, depth: number, walk: Walk): CedarType => {
  if (!isJson(schema)) throw new NoType('anything may stand there')
  if (depth > DEEPEST) throw new NoType('it is nested too deeply')
  const more = MEANS_MORE.find((word) => schema[word] !== undefined)
  if (more !== undefined) throw new NoType(`\`${more}\` has no type in Cedar`)
  if (schema.nullable === true) throw new NoType('it may be null')
  if (schema.type === undefined && Array.isArray(schema.enum)) return literalType(schema.enum)
  if (schema.type === undefined && schema.const !== undefined) return literalType([schema.const])
  return namedType(schema, path, depth, walk)
}

const typeText = (type: CedarType): string => {
  if (type.kind === 'Set') return `Set<${typeText(type.of)}>`
  if (type.kind !== 'Record') return type.kind
  const fields = [...type.fields].map(([name, inner]) => `${nameText(name)}?: ${typeText(inner)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

interface Seen {
  readonly type: CedarType
  readonly tools: string[]
  clash: boolean
}

const collect = (tools: readonly ToolDefinition[], untyped: Untyped[]): ReadonlyMap<string, Seen> => {
  const seen = new Map<string, Seen>()
  for (const { name: tool, inputSchema } of tools) {
    const properties = isJson(inputSchema) ? inputSchema.properties : undefined
    for (const [name, type] of fieldsOf(properties, '', 0, { tool, untyped })) {
      const known = seen.get(name)
      if (known === undefined) seen.set(name, { type, tools: [tool], clash: false })
      else {
        known.tools.push(tool)
        known.clash ||= typeText(known.type) !== typeText(type)
      }
    }
  }
  return seen
}

const argumentLine = (name: string, { type, tools }: Seen): string =>
  `  // ${[...new Set(tools)].map((tool) => tool.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')).join(', ')}\n  ${nameText(name)}?: ${typeText(type)},`

/** Every argument is optional, as the entity model wants it. What is not typed stays unreadable for policies. */
export const argumentTypes = (tools: readonly ToolDefinition[]): ArgumentTypes => {
  const untyped: Untyped[] = []
  const seen = collect(tools, untyped)
  const typed: [string, Seen][] = []
  for (const [name, one] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const why = one.clash
      ? 'tools give it different types'
      : untyped.some(({ argument }) => argument === name)
        ? 'another tool gives it no type'
        : undefined
    if (why === undefined) typed.push([name, one])
    else untyped.push(...[...new Set(one.tools)].map((tool) => ({ tool, argument: name, why })))
  }
  return {
    schema: `type Arguments = {\n${typed.map(([name, one]) => argumentLine(name, one)).join('\n')}\n};\n`,
    typed: typed.map(([name]) => name),
    untyped,
  }
}
