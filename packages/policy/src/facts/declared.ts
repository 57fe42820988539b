/** How a folder's schema wants what an AuthZEN request brings along: properties of its entity types, context of its actions. */
import { commonTypesOf, isJson, type Json, type Reader, readerOf } from './arguments.ts'

export interface Declared {
  /** By entity type: its attribute `properties`, where it declares one. */
  readonly properties: ReadonlyMap<string, { readonly read: Reader; readonly required: boolean }>
  /** By key of the action. */
  readonly contexts: ReadonlyMap<string, Reader>
}

/** A member of an unknown object. */
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, name) => (isJson(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined), value)

const entriesOf = (value: unknown): [string, unknown][] => Object.entries(isJson(value) ? value : {})

export const declaredTypes = (schema: unknown): Declared => {
  const properties = new Map<string, { read: Reader; required: boolean }>()
  const contexts = new Map<string, Reader>()
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
    }
  }
  return { properties, contexts }
}
