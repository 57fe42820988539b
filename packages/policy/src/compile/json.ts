/** Cedar's JSON form is what cedar-wasm says it is; anything else is not compiled. */
import { NotCompiled } from './errors.ts'
import { Uid } from './values.ts'

export type JsonObject = { readonly [name: string]: unknown }

export const asObject = (value: unknown): JsonObject => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NotCompiled('an unknown form')
  return value as JsonObject
}

/** Own fields only: a policy may name an attribute `constructor`. */
export const field = (value: unknown, name: string): unknown => {
  const object = asObject(value)
  return Object.hasOwn(object, name) ? object[name] : undefined
}

export const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new NotCompiled('an unknown form')
  return value
}

export const list = (value: unknown): readonly unknown[] => {
  if (!Array.isArray(value)) throw new NotCompiled('an unknown form')
  return value
}

/** `{type, id}` or `{__entity: {type, id}}`. */
export const entityUid = (value: unknown): Uid => {
  const inner = field(value, '__entity') ?? value
  return new Uid(text(field(inner, 'type')), text(field(inner, 'id')))
}
