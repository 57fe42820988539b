/** What a server answers: result types, caching fields and the discovery result. */
import type { JsonObject } from '@credence/kit/json'
import { META } from './meta.ts'
import { VERSION } from './methods.ts'

/**
 * server/utilities/caching: a list that was filtered for one caller is private, whatever the upstream said of its own.
 * `ttlMs` may only become shorter.
 */
export const privateResult = (result: JsonObject, maxTtlMs: number): JsonObject => {
  const { ttlMs } = result
  const known = typeof ttlMs === 'number' && Number.isSafeInteger(ttlMs) && ttlMs > 0 ? ttlMs : 0
  return {
    ...result,
    resultType: result.resultType ?? 'complete',
    ttlMs: Math.min(known, maxTtlMs),
    cacheScope: 'private',
  }
}

export interface DiscoverFacts {
  readonly capabilities: JsonObject
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly instructions?: string
  readonly supportedVersions?: readonly string[]
  readonly ttlMs?: number
}

/** server/discover */
export const discoverResult = (facts: DiscoverFacts): JsonObject => ({
  resultType: 'complete',
  supportedVersions: [...(facts.supportedVersions ?? [VERSION])],
  capabilities: facts.capabilities,
  ...(facts.instructions === undefined ? {} : { instructions: facts.instructions }),
  ttlMs: facts.ttlMs ?? 0,
  cacheScope: 'private',
  _meta: { [META.serverInfo]: { ...facts.serverInfo } },
})
