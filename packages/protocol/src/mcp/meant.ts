/** What a message means beyond its method and its target: all of it that a server may act on. */
import type { JsonObject } from '@credence/kit/json'
import type { MethodRule } from './methods.ts'
import { META } from './rev-2026-07-28/meta.ts'

/** Differs between two tries of the same thing, or speaks about the connection only. */
const OF_THE_TRY: ReadonlySet<string> = new Set([
  'progressToken',
  'traceparent',
  'tracestate',
  'baggage',
  ...Object.values(META),
])

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `_meta` without what differs between two tries; empty when nothing is left. */
const meantMeta = (meta: JsonObject[string] | undefined): JsonObject => {
  if (meta === undefined) return {}
  if (!isObject(meta)) return { _meta: meta }
  const kept = Object.fromEntries(Object.entries(meta).filter(([name]) => !OF_THE_TRY.has(name)))
  return Object.keys(kept).length === 0 ? {} : { _meta: kept }
}

export interface Meant {
  readonly arguments: JsonObject[string]
  /** Absent when the message says nothing else. */
  readonly more?: JsonObject
}

/** INVARIANT: every member of `params` is the target, stands in here, or changes nothing that is done. */
export const meantBy = (params: JsonObject, target: MethodRule['names'], isCall: boolean): Meant => {
  const beyond: Record<string, JsonObject[string]> = {}
  for (const name of Object.keys(params)) {
    if (name === '_meta' || name === target || (isCall && name === 'arguments')) continue
    beyond[name] = params[name] as JsonObject[string]
  }
  const args = isCall ? (params.arguments ?? {}) : beyond
  const more = { ...(isCall ? beyond : {}), ...meantMeta(params._meta) }
  return Object.keys(more).length === 0 ? { arguments: args } : { arguments: args, more }
}
