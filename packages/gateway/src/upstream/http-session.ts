/** What an MCP server over HTTP speaks, and the session that it may have given to the gateway. */
import { unavailable } from '@credence/kit'
import { VERSION as LEGACY_VERSION } from '@credence/protocol/mcp/rev-2025-11-25'
import { requestHeaders } from '@credence/protocol/mcp/rev-2026-07-28'
import { initializeParams, legacyInfo, modernInfo, modernMeta } from './handshake.ts'
import type { Fields, Post } from './http-post.ts'
import type { UpstreamCall, UpstreamInfo } from './upstream.ts'

const HANDSHAKE_MS = 30_000

export interface HttpSession {
  info(): Promise<UpstreamInfo>
  /** Fields of the legacy revisions: the agreed version, and the session when there is one. */
  legacyFields(version: string): Fields
  readonly id: string | undefined
  /** Forgets everything: the next question begins anew. */
  reset(): void
}

const quiet = (): Pick<UpstreamCall, 'signal' | 'onNotification'> => ({
  signal: AbortSignal.timeout(HANDSHAKE_MS),
  onNotification: () => {},
})

export const createHttpSession = (post: Post, nextId: () => number): HttpSession => {
  let known: Promise<UpstreamInfo> | undefined
  let id: string | undefined

  const legacyFields = (version: string): Fields => ({
    'mcp-protocol-version': version,
    ...(id === undefined ? {} : { 'mcp-session-id': id }),
  })

  const initialize = async (): Promise<UpstreamInfo> => {
    const message = { jsonrpc: '2.0', id: nextId(), method: 'initialize', params: initializeParams }
    const begun = await post(message, { 'mcp-protocol-version': LEGACY_VERSION }, quiet())
    if (begun.answer === undefined) {
      throw unavailable('upstream_handshake', 'The server behind the gateway refused to begin.', {
        status: 502,
        detail: `status ${begun.status}`,
      })
    }
    const info = legacyInfo(begun.answer)
    id = begun.session
    await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, legacyFields(info.protocolVersion), quiet())
    return info
  }

  /** > On 400 Bad Request, the client SHOULD inspect the response body before falling back (2026-07-28, backward compatibility). */
  const discover = async (): Promise<UpstreamInfo> => {
    const params = { _meta: modernMeta }
    const message = { jsonrpc: '2.0', id: nextId(), method: 'server/discover', params }
    const probed = await post(message, requestHeaders('server/discover', params), quiet())
    return (probed.answer === undefined ? undefined : modernInfo(probed.answer)) ?? (await initialize())
  }

  const reset = (): void => {
    known = undefined
    id = undefined
  }

  return {
    info: () => {
      known ??= discover().catch((error: unknown) => {
        reset()
        throw error
      })
      return known
    },
    legacyFields,
    get id() {
      return id
    },
    reset,
  }
}
