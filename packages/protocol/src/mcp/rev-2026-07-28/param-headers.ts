/** transports/streamable-http, Custom Headers from Tool Parameters: `x-mcp-header` in a tool's input schema. */
import type { JsonObject, JsonValue } from '@credence/kit/json'

export interface ParamHeader {
  /** As a header field: `mcp-param-` and the name in lower case. */
  readonly header: string
  /** The chain of `properties` keys. */
  readonly path: readonly string[]
  readonly type: 'string' | 'integer' | 'boolean'
}

const TCHAR = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const MAXIMUM_DEPTH = 32

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const ANNOTATION = 'x-mcp-header'

/**
 * The annotated parameters of a tool; undefined when any annotation breaks a rule, and then the tool is left out of the
 * list (> Rejection means the client MUST exclude the invalid tool).
 */
export const paramHeaders = (inputSchema: JsonValue): readonly ParamHeader[] | undefined => {
  const found: ParamHeader[] = []
  if (!isObject(inputSchema)) return found
  if (!collect(inputSchema, [], found)) return undefined
  const names = new Set(found.map(({ header }) => header))
  // An annotation that the walk over `properties` did not meet stands where it must not.
  if (names.size !== found.length || countAnnotations(inputSchema, 0) !== found.length) return undefined
  return found
}

const collect = (schema: JsonObject, path: readonly string[], found: ParamHeader[]): boolean => {
  if (path.length > MAXIMUM_DEPTH) return false
  if (Object.hasOwn(schema, ANNOTATION)) {
    const { [ANNOTATION]: name, type } = schema
    if (path.length === 0 || typeof name !== 'string' || !TCHAR.test(name)) return false
    if (type !== 'string' && type !== 'integer' && type !== 'boolean') return false
    found.push({ header: `mcp-param-${name.toLowerCase()}`, path, type })
  }
  const { properties } = schema
  if (!isObject(properties)) return true
  return Object.entries(properties).every(([key, child]) => !isObject(child) || collect(child, [...path, key], found))
}

/** A property that is itself called `x-mcp-header` is a schema, not an annotation. */
const countAnnotations = (value: JsonValue, depth: number, names = false): number => {
  if (depth > 2 * MAXIMUM_DEPTH || typeof value !== 'object' || value === null) return 0
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countAnnotations(item, depth + 1), 0)
  return Object.entries(value).reduce(
    (sum, [key, child]) =>
      sum + (key === ANNOTATION && !names ? 1 : countAnnotations(child, depth + 1, key === 'properties' && !names)),
    0,
  )
}

/** The value at the exact path; undefined when there is none or it is null. */
export const paramValue = (args: JsonValue | undefined, path: readonly string[]): JsonValue | undefined => {
  let value: JsonValue | undefined = args
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value === null ? undefined : value
}

/** Undefined for a value that the parameter's type does not allow. */
export const paramText = (value: JsonValue, type: ParamHeader['type']): string | undefined => {
  if (type === 'string' && typeof value === 'string') return value
  if (type === 'boolean' && typeof value === 'boolean') return String(value)
  if (type === 'integer' && typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  return undefined
}
