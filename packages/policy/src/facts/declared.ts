/** How a folder's schema wants what an AuthZEN request brings along: properties of its entity types, context of its actions. */
import { commonTypesOf, isJson, type Json, type Reader, readerOf } from './arguments.ts'

export interface Declared {
  /** By entity type: its attribute `properties`, where it declares one. */
  readonly properties: ReadonlyMap<string, { readonly read: Reader; readonly required: boolean }>
  /** By key of the action. */
  readonly contexts: ReadonlyMap<string, Reader>
  /** By key of the action: the types of entities that it is done by and to. */
  readonly applies: ReadonlyMap<string, AppliesTo>
}

export interface AppliesTo {
  readonly name: string
  readonly principals: ReadonlySet<string>
  readonly resources: ReadonlySet<string>
}

/** A member of an unknown object. */
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, name) => (isJson(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined), value)

const entriesOf = (value: unknown): [string, unknown][] => Object.entries(isJson(value) ? value : {})

/** Inside a namespace a type may be named without it. */
const namesOf = (value: unknown, prefix: string): Set<string> => {
  const names = (Array.isArray(value) ? value : []).filter((name): name is string => typeof name === 'string')
  return new Set(names.flatMap((name) => (name.includes('::') ? [name] : [name, prefix + name])))
}

const appliesTo = (name: string, action: unknown, prefix: string): AppliesTo => ({
  name,
  principals: namesOf(at(action, 'appliesTo', 'principalTypes'), prefix),
  resources: namesOf(at(action, 'appliesTo', 'resourceTypes'), prefix),
})

export const declaredTypes = (schema: unknown): Declared => {
  const properties = new Map<string, { read: Reader; required: boolean }>()
  const contexts = new Map<string, Reader>()
  const applies = new Map<string, AppliesTo>()
  for (const [namespace, definition] of entriesOf(schema)) {
    const prefix = namespace === '' ? '' : `${namespace}::`
    const types: Json = { ...commonTypesOf(schema), ...Object.fromEntries(entriesOf(at(definition, 'commonTypes'))) }
    for (const [name, entity] of entriesOf(at(definition, 'entityTypes'))) {
      const declared = at(entity, 'shape', 'attributes', 'properties')
      const required = at(declared, 'required') !== false
      if (declared !== undefined) properties.set(prefix + name, { read: readerOf(declared, types), required })
    }
    for (const [name, action] of entriesOf(at(definition, 'actions'))) {
      const context = at(action, 'appliesTo', 'context')
      if (context !== undefined) contexts.set(`${prefix}Action"${name}`, readerOf(context, types))
      applies.set(`${prefix}Action"${name}`, appliesTo(name, action, prefix))
    }
  }
  return { properties, contexts, applies }
}
