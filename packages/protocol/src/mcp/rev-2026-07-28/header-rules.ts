/** transports/streamable-http, Server Validation: header and body say the same, or the request is refused with -32020. */
import { MCP_ERRORS, mcpRefused } from '../errors.ts'
import { type Headers, PROTOCOL_VERSION_HEADER, singleHeader } from '../headers.ts'
import type { McpRequest } from '../message.ts'
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'
import { requestMeta } from './meta.ts'
import { VERSION } from './methods.ts'
import { type ParamHeader, paramText, paramValue } from './param-headers.ts'

const mismatch = (name: string, id: McpRequest['id']) =>
  mcpRefused(
    MCP_ERRORS.headerMismatch,
    'mcp_header_mismatch',
    `Header mismatch: ${name} is missing, repeated, malformed or differs from the body.`,
    { status: 400, id },
  )

/** > Every POST request MUST include an MCP-Protocol-Version header. It MUST match `_meta`. */
const versionMatches = (request: McpRequest, headers: Headers): void => {
  const header = singleHeader(headers, PROTOCOL_VERSION_HEADER)
  if (typeof header !== 'string') throw mismatch('MCP-Protocol-Version', request.id)
  if (header !== requestMeta(request).protocolVersion) throw mismatch('MCP-Protocol-Version', request.id)
}

/** `Mcp-Method` is required on all requests and compared with case. */
const methodMatches = (request: McpRequest, headers: Headers): void => {
  if (singleHeader(headers, 'mcp-method') !== request.method) throw mismatch('Mcp-Method', request.id)
}

const NAMED: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

/** `Mcp-Name` is required for tools/call, resources/read and prompts/get; decoded before it is compared. */
const nameMatches = (request: McpRequest, headers: Headers): void => {
  const source = Object.hasOwn(NAMED, request.method) ? NAMED[request.method] : undefined
  const header = singleHeader(headers, 'mcp-name')
  if (source === undefined && header === undefined) return
  if (source === undefined || typeof header !== 'string') throw mismatch('Mcp-Name', request.id)
  const decoded = decodeHeaderValue(header)
  if (decoded === undefined || decoded !== request.params[source]) throw mismatch('Mcp-Name', request.id)
}

/** The four rows of Server Behavior for Custom Headers, for the parameters that the tool's schema marks. */
const paramMatches = (request: McpRequest, headers: Headers, param: ParamHeader): void => {
  const value = paramValue(request.params.arguments, param.path)
  const header = singleHeader(headers, param.header)
  if (value === undefined && header === undefined) return
  const text = value === undefined ? undefined : paramText(value, param.type)
  const decoded = typeof header === 'string' ? decodeHeaderValue(header) : undefined
  if (text === undefined || decoded === undefined || !sameParam(decoded, text, param.type)) {
    throw mismatch(param.header, request.id)
  }
}

/** > Servers SHOULD compare the header value and the body value numerically. */
const sameParam = (header: string, body: string, type: ParamHeader['type']): boolean =>
  header === body || (type === 'integer' && /^-?\d{1,16}(?:\.0+)?$/.test(header) && Number(header) === Number(body))

/** `params`: of the tool that is called, from the definition that we pinned. Unknown `Mcp-Param-*` fields are let through. */
export const checkRequestHeaders = (
  request: McpRequest,
  headers: Headers,
  params: readonly ParamHeader[] = [],
): void => {
  versionMatches(request, headers)
  methodMatches(request, headers)
  nameMatches(request, headers)
  for (const param of params) paramMatches(request, headers, param)
}

/** The same rules from the client's side. */
export const requestHeaders = (
  method: string,
  params: McpRequest['params'],
  marked: readonly ParamHeader[] = [],
): Record<string, string> => {
  const headers: Record<string, string> = { 'mcp-protocol-version': VERSION, 'mcp-method': method }
  const source = Object.hasOwn(NAMED, method) ? NAMED[method] : undefined
  const name = source === undefined ? undefined : params[source]
  if (typeof name === 'string') headers['mcp-name'] = encodeHeaderValue(name)
  for (const param of marked) {
    const value = paramValue(params.arguments, param.path)
    const text = value === undefined ? undefined : paramText(value, param.type)
    if (text !== undefined) headers[param.header] = encodeHeaderValue(text)
  }
  return headers
}
