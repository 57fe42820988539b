/** Finds out what a stdio server speaks: the probe of revision 2026-07-28, then the handshake of the legacy revisions. */
import { unavailable } from '@credence/kit'
import { VERSION as LEGACY_VERSION, SUPPORTED_VERSIONS } from '@credence/protocol/mcp/rev-2025-11-25'
import { createRequestMeta, META, VERSION as MODERN_VERSION } from '@credence/protocol/mcp/rev-2026-07-28'
import type { LineChannel } from './line-channel.ts'
import { GATEWAY_CLIENT, isObject, type JsonObject, type UpstreamAnswer, type UpstreamInfo } from './upstream.ts'

const PROBE_MS = 3000
const HANDSHAKE_MS = 30_000
/** Over stdio the oldest revision has the same messages. */
const LEGACY_VERSIONS: ReadonlySet<string> = new Set([...SUPPORTED_VERSIONS, '2024-11-05'])

/** What every modern request of ours carries: no client capability, so that the server never asks back. */
export const modernMeta: JsonObject = createRequestMeta({ clientInfo: GATEWAY_CLIENT })

const nameAndVersion = (value: unknown): { name: string; version: string } =>
  isObject(value) && typeof value.name === 'string' && typeof value.version === 'string'
    ? { name: value.name, version: value.version }
    : { name: 'unnamed', version: '0' }

/** The answer to `server/discover` of a server that speaks our modern revision; anything else means legacy. */
export const modernInfo = (answer: UpstreamAnswer): UpstreamInfo | undefined => {
  if (!('result' in answer)) return undefined
  const { supportedVersions, capabilities, instructions, _meta } = answer.result
  if (!Array.isArray(supportedVersions) || !supportedVersions.includes(MODERN_VERSION)) return undefined
  return {
    era: 'modern',
    protocolVersion: MODERN_VERSION,
    serverInfo: nameAndVersion(isObject(_meta) ? _meta[META.serverInfo] : undefined),
    capabilities: isObject(capabilities) ? capabilities : {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

/** The answer to `initialize` (2025-11-25, lifecycle). */
export const legacyInfo = (answer: UpstreamAnswer): UpstreamInfo => {
  if (!('result' in answer)) {
    throw unavailable('upstream_handshake', 'The server behind the gateway refused to begin.', {
      detail: answer.error.message,
      status: 502,
    })
  }
  const { protocolVersion, capabilities, serverInfo, instructions } = answer.result
  if (typeof protocolVersion !== 'string' || !LEGACY_VERSIONS.has(protocolVersion)) {
    throw unavailable('upstream_version', 'The server behind the gateway speaks an unknown revision of MCP.', {
      status: 502,
    })
  }
  return {
    era: 'legacy',
    protocolVersion,
    serverInfo: nameAndVersion(serverInfo),
    capabilities: isObject(capabilities) ? capabilities : {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

export const initializeParams: JsonObject = {
  protocolVersion: LEGACY_VERSION,
  capabilities: {},
  clientInfo: GATEWAY_CLIENT,
}

const ask = (channel: LineChannel, method: string, params: JsonObject, ms: number): Promise<UpstreamAnswer> =>
  channel.call({ method, params, signal: AbortSignal.timeout(ms), onNotification: () => {} })

/** > any other error, or does not respond within a reasonable timeout: the server is legacy (2026-07-28, stdio, backward compatibility). */
export const handshake = async (channel: LineChannel): Promise<UpstreamInfo> => {
  const probed = await ask(channel, 'server/discover', { _meta: modernMeta }, PROBE_MS).catch(() => undefined)
  const modern = probed === undefined ? undefined : modernInfo(probed)
  if (modern !== undefined) return modern
  const info = legacyInfo(await ask(channel, 'initialize', initializeParams, HANDSHAKE_MS))
  channel.notify('notifications/initialized', {})
  return info
}
