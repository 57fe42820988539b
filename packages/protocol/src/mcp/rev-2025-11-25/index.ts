/** MCP revision 2025-11-25 and what it understands of its elders: a handshake, an optional session, a version header. */
import type { JsonObject } from '@credence/kit/json'
import { MCP_ERRORS, mcpRefused } from '../errors.ts'
import { type Headers, PROTOCOL_VERSION_HEADER, singleHeader } from '../headers.ts'
import type { McpRequest } from '../message.ts'
import type { MethodTable } from '../methods.ts'

export const VERSION = '2025-11-25'

/** Older revisions that have the same shape on the wire. */
export const SUPPORTED_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const

/** schema/2025-11-25: requests that a client sends. */
export const METHODS: MethodTable = {
  initialize: { names: undefined, kind: 'control' },
  ping: { names: undefined, kind: 'control' },
  'tools/list': { names: undefined, kind: 'list' },
  'tools/call': { names: 'name', kind: 'call' },
  'resources/list': { names: undefined, kind: 'list' },
  'resources/templates/list': { names: undefined, kind: 'list' },
  'resources/read': { names: 'uri', kind: 'read' },
  'resources/subscribe': { names: 'uri', kind: 'stream' },
  'resources/unsubscribe': { names: 'uri', kind: 'stream' },
  'prompts/list': { names: undefined, kind: 'list' },
  'prompts/get': { names: 'name', kind: 'read' },
  'completion/complete': { names: 'ref', kind: 'read' },
  'logging/setLevel': { names: undefined, kind: 'control' },
  'tasks/list': { names: undefined, kind: 'list' },
  'tasks/get': { names: 'taskId', kind: 'read' },
  'tasks/result': { names: 'taskId', kind: 'read' },
  'tasks/cancel': { names: 'taskId', kind: 'call' },
}

export const CLIENT_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
])

export const SESSION_HEADER = 'mcp-session-id'

/** basic/transports, Session Management: > The session ID MUST only contain visible ASCII characters (0x21 to 0x7E). */
export const isSessionId = (text: string): boolean => /^[\x21-\x7e]{1,256}$/.test(text)

/** The session that a request names; a repeated or malformed header is refused. */
export const sessionIdOf = (headers: Headers): string | undefined => {
  const value = singleHeader(headers, SESSION_HEADER)
  if (value === undefined) return undefined
  if (value === null || !isSessionId(value)) {
    throw mcpRefused(MCP_ERRORS.invalidRequest, 'mcp_session_malformed', 'The session id is malformed.')
  }
  return value
}

/**
 * basic/transports, Protocol Version Header: required after initialization; without it 2025-03-26 is assumed; an invalid
 * or unsupported one is answered with 400.
 */
export const headerVersion = (headers: Headers): string => {
  const value = singleHeader(headers, PROTOCOL_VERSION_HEADER)
  if (value === undefined) return '2025-03-26'
  const known = SUPPORTED_VERSIONS.find((version) => version === value)
  if (known === undefined) {
    throw mcpRefused(MCP_ERRORS.invalidRequest, 'mcp_version_unsupported', 'Unsupported protocol version')
  }
  return known
}

/** basic/lifecycle, Version Negotiation: the client's version when we know it, else our newest of this kind. */
export const negotiateVersion = (requested: unknown): string =>
  SUPPORTED_VERSIONS.find((version) => version === requested) ?? VERSION

export interface InitializeParams {
  readonly protocolVersion: string
  readonly capabilities: JsonObject
  /** Self-reported: for display only. */
  readonly clientInfo: JsonObject
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const parseInitialize = ({ params, id }: Pick<McpRequest, 'params' | 'id'>): InitializeParams => {
  const { protocolVersion, capabilities, clientInfo } = params
  if (typeof protocolVersion !== 'string' || !isObject(capabilities) || !isObject(clientInfo)) {
    throw mcpRefused(
      MCP_ERRORS.invalidParams,
      'mcp_initialize_malformed',
      'The parameters of initialize are malformed.',
      {
        id,
      },
    )
  }
  return { protocolVersion, capabilities, clientInfo }
}

export const initializeResult = (facts: {
  readonly protocolVersion: string
  readonly capabilities: JsonObject
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly instructions?: string
}): JsonObject => ({
  protocolVersion: facts.protocolVersion,
  capabilities: facts.capabilities,
  serverInfo: { ...facts.serverInfo },
  ...(facts.instructions === undefined ? {} : { instructions: facts.instructions }),
})
