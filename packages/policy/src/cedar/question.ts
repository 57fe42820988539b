/** A question in the JSON form that cedar-wasm reads. */
import type { Asked, CedarEntity, Entities } from '../compile/entities.ts'
import { CedarDatetime, CedarDuration, durationText } from '../compile/extensions/datetime.ts'
import { CedarDecimal, decimalText } from '../compile/extensions/decimal.ts'
import { CedarIp, ipText } from '../compile/extensions/ipaddr.ts'
import { CedarRecord, CedarSet, type CedarValue, type Extension, Uid } from '../compile/values.ts'
import { rawInteger } from './exact-json.ts'
import type { CedarEntityJson, CedarRequest, CedarUid } from './messages.ts'

const uidJson = ({ type, id }: Uid): CedarUid => ({ type, id })

/** `fromEntries` defines fields, so that `__proto__` is a name like any other. */
const recordJson = (record: CedarRecord): { readonly [name: string]: unknown } =>
  Object.fromEntries(record.entries().map(([name, value]) => [name, valueJson(value)]))

const call = (fn: string, ...args: readonly unknown[]): unknown => ({ __extn: { fn, args } })

/** A time has no text beyond the year 9999, so it is said as a span since 1970. */
const extensionJson = (value: Extension): unknown => {
  if (value instanceof CedarDecimal) return call('decimal', decimalText(value))
  if (value instanceof CedarIp) return call('ip', ipText(value))
  if (value instanceof CedarDuration) return call('duration', durationText(value))
  if (value instanceof CedarDatetime) {
    return call('offset', call('datetime', '1970-01-01'), call('duration', `${value.ms}ms`))
  }
  throw new TypeError('an unknown extension type')
}

const valueJson = (value: CedarValue): unknown => {
  if (typeof value === 'bigint') return rawInteger(value)
  if (typeof value !== 'object') return value
  if (value instanceof Uid) return { __entity: uidJson(value) }
  if (value instanceof CedarSet) return value.items.map(valueJson)
  return value instanceof CedarRecord ? recordJson(value) : extensionJson(value)
}

const entityJson = ({ uid, attrs, parents, tags }: CedarEntity): CedarEntityJson => ({
  uid: uidJson(uid),
  attrs: recordJson(attrs),
  parents: parents.map(uidJson),
  tags: recordJson(tags),
})

export interface Requested extends Asked {
  readonly context: CedarRecord
  readonly entities: Pick<Entities, 'values'>
}

/** Integers beyond 2^53 are in it as `JSON.stringify` writes them exactly: give its text to another thread, not itself. */
export const requestJson = ({ principal, action, resource, context, entities }: Requested): CedarRequest => ({
  principal: uidJson(principal),
  action: uidJson(action),
  resource: uidJson(resource),
  context: recordJson(context),
  entities: Array.from(entities.values(), entityJson),
})
