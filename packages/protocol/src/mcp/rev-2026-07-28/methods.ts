import type { MethodTable } from '../methods.ts'

export const VERSION = '2026-07-28'

/** schema/2026-07-28: requests that a client sends. There is no `initialize`, no `ping` and no session. */
export const METHODS: MethodTable = {
  'server/discover': { names: undefined, kind: 'control' },
  'tools/list': { names: undefined, kind: 'list' },
  'tools/call': { names: 'name', kind: 'call' },
  'resources/list': { names: undefined, kind: 'list' },
  'resources/templates/list': { names: undefined, kind: 'list' },
  'resources/read': { names: 'uri', kind: 'read' },
  'prompts/list': { names: undefined, kind: 'list' },
  'prompts/get': { names: 'name', kind: 'read' },
  'completion/complete': { names: 'ref', kind: 'read' },
  'subscriptions/listen': { names: undefined, kind: 'stream' },
}

/** Over HTTP a client sends none (closing the stream cancels); over stdio it cancels. */
export const CLIENT_NOTIFICATIONS: ReadonlySet<string> = new Set(['notifications/cancelled'])

/** server/utilities/caching: results that must carry `ttlMs` and `cacheScope`. */
export const CACHEABLE: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])
