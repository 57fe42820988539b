/** Between the revision that the client speaks and the one that the server behind speaks. */
import type { JsonValue } from '@credence/model'
import type { Revision } from '@credence/protocol/mcp'
import { CACHEABLE, META, privateResult } from '@credence/protocol/mcp/rev-2026-07-28'
import { modernMeta } from '../upstream/handshake.ts'
import { type Era, isObject, type JsonObject, type UpstreamAnswer, type UpstreamInfo } from '../upstream/upstream.ts'

export const revisionOfEra = (era: Era): Revision => (era === 'modern' ? '2026-07-28' : '2025-11-25')

/** Keys that speak about client and revision; what the gateway says of itself takes their place. */
const OWN_META: ReadonlySet<string> = new Set(Object.values(META))

/** The caller's `_meta` without what belongs to its own connection. */
const foreignMeta = (params: JsonObject): JsonObject => {
  const { _meta: meta } = params
  if (!isObject(meta)) return {}
  return Object.fromEntries(Object.entries(meta).filter(([key]) => !OWN_META.has(key)))
}

/** INVARIANT: no capability of the client is handed on, so that the server behind never asks back through us. */
export const paramsFor = (params: JsonObject, era: Era): JsonObject => {
  const { _meta, ...rest } = params
  const kept = foreignMeta(params)
  if (era === 'modern') return { ...rest, _meta: { ...kept, ...modernMeta } }
  return Object.keys(kept).length === 0 ? rest : { ...rest, _meta: kept }
}

/** A result of one caller is private to that caller, whatever the server behind said (2026-07-28, caching). */
const MAX_TTL_MS = 60_000

/** > All results carry a required `resultType`; lists and reads carry `ttlMs` and `cacheScope`. */
export const resultFor = (method: string, result: JsonObject, revision: Revision, info: UpstreamInfo): JsonObject => {
  if (revision !== '2026-07-28') return result
  const named: JsonObject = {
    ...result,
    _meta: { [META.serverInfo]: info.serverInfo, ...(isObject(result._meta) ? result._meta : {}) },
  }
  if (CACHEABLE.has(method)) return privateResult(named, MAX_TTL_MS)
  return { ...named, resultType: named.resultType ?? 'complete' }
}

/** `-32002` was "resource not found" until 2025-11-25 and must not be sent in 2026-07-28. */
export const errorFor = (
  error: Extract<UpstreamAnswer, { error: unknown }>['error'],
  revision: Revision,
): { readonly code: number; readonly message: string; readonly data?: JsonValue } =>
  revision === '2026-07-28' && error.code === -32002 ? { ...error, code: -32602 } : error

/** What the gateway can keep of the server's capabilities: no list changes, no subscriptions, no log level, no tasks. */
export const offeredCapabilities = (capabilities: JsonObject): JsonObject => {
  const offered: Record<string, JsonObject> = {}
  for (const name of ['tools', 'resources', 'prompts', 'completions'] as const) {
    if (isObject(capabilities[name])) offered[name] = {}
  }
  return offered
}
