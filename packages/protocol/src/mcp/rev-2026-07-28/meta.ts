/** basic/index, `_meta`: what every request says about itself, since there is no session. */
import type { JsonObject, JsonValue } from '@credence/kit/json'
import { MCP_ERRORS, mcpRefused } from '../errors.ts'
import type { McpRequest } from '../message.ts'
import { VERSION } from './methods.ts'

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
} as const

export interface RequestMeta {
  readonly protocolVersion: string
  readonly clientCapabilities: JsonObject
  /** Self-reported: for display only. */
  readonly clientInfo: JsonObject | undefined
  readonly traceparent: string | undefined
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** > A request missing any required field is malformed; the server MUST reject it with -32602, on HTTP with 400. */
export const requestMeta = ({ params, id }: Pick<McpRequest, 'params' | 'id'>): RequestMeta => {
  const { _meta: meta } = params
  if (!isObject(meta)) throw missing('_meta', id)
  const protocolVersion = meta[META.protocolVersion]
  const clientCapabilities = meta[META.clientCapabilities]
  const clientInfo = meta[META.clientInfo]
  if (typeof protocolVersion !== 'string') throw missing(META.protocolVersion, id)
  if (!isObject(clientCapabilities)) throw missing(META.clientCapabilities, id)
  return {
    protocolVersion,
    clientCapabilities,
    clientInfo: isObject(clientInfo) ? clientInfo : undefined,
    traceparent: typeof meta.traceparent === 'string' ? meta.traceparent : undefined,
  }
}

const missing = (field: string, id: McpRequest['id']) =>
  mcpRefused(MCP_ERRORS.invalidParams, 'mcp_meta_missing', `params._meta lacks ${field}.`, { status: 400, id })

export const createRequestMeta = (facts: {
  readonly clientInfo?: JsonObject
  readonly clientCapabilities?: JsonObject
  readonly traceparent?: string
}): JsonObject => ({
  [META.protocolVersion]: VERSION,
  [META.clientCapabilities]: facts.clientCapabilities ?? {},
  ...(facts.clientInfo === undefined ? {} : { [META.clientInfo]: facts.clientInfo }),
  ...(facts.traceparent === undefined ? {} : { traceparent: facts.traceparent }),
})

/** basic/versioning: an unknown version is answered with those that are known. */
export const unsupportedVersion = (requested: string, supported: readonly string[], id?: McpRequest['id']) =>
  mcpRefused(MCP_ERRORS.unsupportedProtocolVersion, 'mcp_version_unsupported', 'Unsupported protocol version', {
    status: 400,
    data: { supported: [...supported], requested: requested.slice(0, 64) },
    ...(id === undefined ? {} : { id }),
  })
