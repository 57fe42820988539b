/**
 * Tool arguments as Cedar values, by the schema's `type Arguments`. What it does not declare no policy can read, so it
 * is left out. What it declares must be there in its declared type: then no type that a caller sends can make a policy
 * that reads arguments fail and be skipped. A value can, where a policy computes with it: longs overflow.
 */
import type { JsonValue } from '@credence/model'
import { shapeOf } from '../compile/shape.ts'
import { CedarRecord, CedarSet, type CedarValue, NO_FIELDS } from '../compile/values.ts'

/** A member that counts instead of the record's own of that name, and if it is undefined, instead of none. */
export interface Instead {
  readonly name: string
  readonly value: JsonValue | undefined
}

/** Undefined: not of the declared type, or nothing that Cedar can say. `instead`: of the outermost record. */
export type Reader = (value: JsonValue, instead?: Instead) => CedarValue | undefined

export interface ReadArguments {
  readonly arguments: CedarRecord | undefined
  readonly omitted: boolean
}
export type ArgumentReader = (value: JsonValue) => ReadArguments

const unreadable: Reader = () => undefined

const readBool: Reader = (value) => (typeof value === 'boolean' ? value : undefined)
const readText: Reader = (value) => (typeof value === 'string' && value.isWellFormed() ? value : undefined)
/** Cedar has no fractions; `+ 0` makes a negative zero a zero. */
const readLong: Reader = (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value + 0 : undefined)

const SIMPLE: ReadonlyMap<string, Reader> = new Map([
  ['Bool', readBool],
  ['Boolean', readBool],
  ['String', readText],
  ['Long', readLong],
])

export type Json = { readonly [name: string]: unknown }
export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isRecord = (value: JsonValue): value is { readonly [name: string]: JsonValue } => isJson(value)

const setReader =
  (element: Reader): Reader =>
  (value) => {
    if (!Array.isArray(value)) return undefined
    const items: CedarValue[] = []
    for (const item of value) {
      const read = element(item)
      if (read === undefined) return undefined
      items.push(read)
    }
    return new CedarSet(items)
  }

interface Field {
  readonly name: string
  readonly read: Reader
  readonly required: boolean
}

const memberOf = (value: { readonly [name: string]: JsonValue }, name: string, instead?: Instead) => {
  if (instead?.name === name) return instead.value
  return Object.hasOwn(value, name) ? value[name] : undefined
}

const inOrder = (a: Field, b: Field): number => (a.name < b.name ? -1 : 1)

/** INVARIANT: costs what is declared, however much more the value holds. */
const recordReader = (declared: readonly Field[]): Reader => {
  const fields = declared.toSorted(inOrder)
  const all = shapeOf(fields.map(({ name }) => name))
  return (value, instead) => {
    if (!isRecord(value)) return undefined
    const names: string[] = []
    const values: CedarValue[] = []
    for (const { name, read, required } of fields) {
      const given = memberOf(value, name, instead)
      if (given === undefined) {
        if (required) return undefined
        continue
      }
      const known = read(given)
      if (known === undefined) return undefined
      names.push(name)
      values.push(known)
    }
    return new CedarRecord(names.length === fields.length ? all : shapeOf(names), values)
  }
}

/** A type of the schema's JSON form. Entities and extension types cannot be said by a JSON argument. */
export const readerOf = (type: unknown, commonTypes: Json): Reader => {
  if (!isJson(type)) return unreadable
  const name = String(type['type'] === 'EntityOrCommon' ? type['name'] : type['type'])
  if (name === 'Set') return setReader(readerOf(type['element'], commonTypes))
  if (name === 'Record' && isJson(type['attributes'])) {
    const fields = Object.entries(type['attributes']).map(([field, declared]) => ({
      name: field,
      read: readerOf(declared, commonTypes),
      required: !(isJson(declared) && declared['required'] === false),
    }))
    return recordReader(fields)
  }
  if (Object.hasOwn(commonTypes, name)) return readerOf(commonTypes[name], commonTypes)
  return SIMPLE.get(name.replace(/^__cedar::/, '')) ?? unreadable
}

const NOTHING: ReadArguments = { arguments: NO_FIELDS, omitted: false }
const OMITTED: ReadArguments = { arguments: undefined, omitted: true }

/** Of the namespace without a name, where the built-in types stand. */
export const commonTypesOf = (schema: unknown): Json => {
  const top = isJson(schema) ? schema[''] : undefined
  return isJson(top) && isJson(top['commonTypes']) ? top['commonTypes'] : {}
}

/** `schema`: Cedar's JSON form of the whole schema. */
export const argumentReader = (schema: unknown): ArgumentReader => {
  const commonTypes = commonTypesOf(schema)
  const declared = commonTypes['Arguments']
  const attributes = isJson(declared) ? declared['attributes'] : undefined
  if (isJson(attributes) && Object.keys(attributes).length === 0) return () => NOTHING
  const read = readerOf(declared, commonTypes)
  return (value) => {
    const found = read(value ?? {})
    return found instanceof CedarRecord ? { arguments: found, omitted: false } : OMITTED
  }
}
