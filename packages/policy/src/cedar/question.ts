/** A question in the JSON form that cedar-wasm reads. */
import { type CedarEntity, type CedarQuestion, CedarRecord, CedarSet, type CedarValue, Uid } from '../compile/values.ts'
import type { CedarRequest, CedarUid } from './messages.ts'

const uidJson = ({ type, id }: Uid): CedarUid => ({ type, id })

/** `fromEntries` defines fields, so that `__proto__` is a name like any other. */
const recordJson = (record: CedarRecord): { readonly [name: string]: unknown } =>
  Object.fromEntries([...record.fields].map(([name, value]) => [name, valueJson(value)]))

/** INVARIANT: questions hold no long beyond 2^53; JSON could not carry it. */
const valueJson = (value: CedarValue): unknown => {
  if (value instanceof Uid) return { __entity: uidJson(value) }
  if (value instanceof CedarSet) return value.items.map(valueJson)
  if (value instanceof CedarRecord) return recordJson(value)
  return typeof value === 'bigint' ? Number(value) : value
}

const entityJson = ({ uid, attrs, parents }: CedarEntity) => ({
  uid: uidJson(uid),
  attrs: recordJson(attrs),
  parents: parents.map(uidJson),
})

export const requestJson = ({ principal, action, resource, context, entities }: CedarQuestion): CedarRequest => ({
  principal: uidJson(principal),
  action: uidJson(action),
  resource: uidJson(resource),
  context: recordJson(context),
  entities: [...entities.values()].map(entityJson),
})
