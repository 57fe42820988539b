/** The map step of the gateway: bytes and header fields to one operation, strictly, by the rules of their revision. */

import type { Mapping } from '@credence/guard'
import type { EdgeRequest } from '@credence/kit/http'
import { traceIdOf } from '@credence/kit/telemetry'
import { type CallerFacts, tokenCovers } from '@credence/model'
import {
  type Headers,
  lookup,
  MCP_ERRORS,
  type McpNotification,
  type McpRequest,
  type Meant,
  mcpRefused,
  meantBy,
  methodTarget,
  parseMessage,
  type Revision,
  requireMethod,
  revisionOf,
} from '@credence/protocol/mcp'
import * as legacy from '@credence/protocol/mcp/rev-2025-11-25'
import * as modern from '@credence/protocol/mcp/rev-2026-07-28'
import type { Tool } from '../catalog.ts'
import type { GatewayServer } from '../server.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** What one request became; filled by the map step, used by the send step. */
export interface Asked {
  readonly message: McpRequest | McpNotification
  readonly revision: Revision
  readonly tool: Tool | undefined
  readonly upstream: Upstream
  readonly release: () => void
}

/** Methods that would need a stream from the server of its own, or hold state between requests: not offered here. */
const NOT_OFFERED = new Set([
  'subscriptions/listen',
  'resources/subscribe',
  'resources/unsubscribe',
  'logging/setLevel',
  'tasks/list',
  'tasks/get',
  'tasks/result',
  'tasks/cancel',
])

const MAX_DEPTH = 64

const tables = { '2025-11-25': legacy, '2026-07-28': modern } as const

const unknownMethod = (id: McpRequest['id']) =>
  mcpRefused(MCP_ERRORS.methodNotFound, 'mcp_method_unknown', 'This method is not known.', { status: 404, id })

/** A single call. A response has nothing to answer to here: the gateway lets no server ask back. */
const readCall = (body: Uint8Array): McpRequest | McpNotification => {
  const message = parseMessage(body, { maxDepth: MAX_DEPTH })
  if (message.kind !== 'response') return message
  throw mcpRefused(MCP_ERRORS.invalidRequest, 'mcp_response_refused', 'Responses are not accepted.')
}

const checkNotification = (message: McpNotification, revision: Revision): void => {
  if (tables[revision].CLIENT_NOTIFICATIONS.has(message.method)) return
  throw mcpRefused(MCP_ERRORS.methodNotFound, 'mcp_method_unknown', 'This notification is not known.', { status: 400 })
}

/** The name of what is done, from the message; throws for every method that is unknown or not offered. */
const targetOf = (message: McpRequest | McpNotification, revision: Revision): string => {
  if (message.kind === 'notification') {
    checkNotification(message, revision)
    return ''
  }
  const rule = requireMethod(tables[revision].METHODS, message.method, message.id)
  if (NOT_OFFERED.has(message.method)) throw unknownMethod(message.id)
  return methodTarget(rule, message.params, message.id)
}

const meantOf = (message: McpRequest | McpNotification, revision: Revision): Meant => {
  const rule = lookup(tables[revision].METHODS, message.method)
  // NOTE: of `ref` only a part is the target, so it stays among the arguments.
  return meantBy(message.params, rule?.names === 'ref' ? undefined : rule?.names, message.method === 'tools/call')
}

/** Found in the catalog; asked for again once when the name is new, since servers gain tools while they run. */
const findTool = (
  server: GatewayServer,
  upstream: Upstream,
  name: string,
  request: Pick<EdgeRequest, 'signal'>,
): Tool | undefined | Promise<Tool | undefined> =>
  server.catalogs.known(upstream)?.get(name) ??
  server.catalogs.refresh(upstream, request.signal).then((tools) => tools.get(name))

const checkHeaders = (
  message: McpRequest | McpNotification,
  revision: Revision,
  headers: Headers,
  tool: Tool | undefined,
): void => {
  if (revision === '2026-07-28') {
    if (message.kind === 'request') modern.checkRequestHeaders(message, headers, tool?.mirrored)
  } else if (message.method !== 'initialize') {
    legacy.headerVersion(headers)
  }
}

export interface ReadMessage {
  readonly message: McpRequest | McpNotification
  readonly revision: Revision
  readonly name: string
}

/** Everything that can be refused without asking the server behind: shape, revision, method, header fields. */
export const readMessage = (body: Uint8Array, headers: Headers): ReadMessage => {
  const message = readCall(body)
  const revision = revisionOf(message, headers)
  const name = targetOf(message, revision)
  checkHeaders(message, revision, headers, undefined)
  return { message, revision, name }
}

/**
 * SEP-414: `_meta` may carry a `traceparent` of its own. It is a hint like the one of HTTP: what it adds or contradicts
 * stands in the record, where a trace is joined by both and shows that they disagree.
 */
const otherTrace = ({ params }: McpRequest | McpNotification, trace: string | undefined): Pick<Mapping, 'facts'> => {
  const { _meta: meta } = params
  if (typeof meta !== 'object' || meta === null || !('traceparent' in meta)) return {}
  const sent = typeof meta.traceparent === 'string' ? traceIdOf([meta.traceparent]) : undefined
  return sent === undefined || sent === trace ? {} : { facts: { meta_trace: sent } }
}

/** INVARIANT: what is decided on is what is sent: arguments, definition hash and wire come from one parse of one body. */
export const mapMessage = async (
  read: ReadMessage,
  body: Uint8Array,
  request: Pick<EdgeRequest, 'raw' | 'signal'>,
  server: GatewayServer,
  { caller, trace }: { readonly caller: CallerFacts; readonly trace: string | undefined },
): Promise<{ readonly mapping: Mapping; readonly asked: Asked | undefined }> => {
  const { message, revision, name } = read
  const bare: Mapping = {
    resource: server.entry.resource,
    method: message.method,
    name,
    ...meantOf(message, revision),
    wire: body,
    labels: message.method === 'tools/call' ? server.entry.labelsOf(name) : {},
    ...otherTrace(message, trace),
  }
  // The next step refuses this by the same question. A caller without the right must not wake a server before that,
  // crowd others out of its processes, or learn from the time it takes which tools there are.
  if (!tokenCovers(caller, bare)) return { mapping: bare, asked: undefined }
  const { upstream, release } = server.acquire(caller.subject)
  try {
    const tool = message.method === 'tools/call' ? await findTool(server, upstream, name, request) : undefined
    checkHeaders(message, revision, request.raw.req.headers, tool)
    const mapping = tool === undefined ? bare : { ...bare, definitionHash: tool.hash }
    return { mapping, asked: { message, revision, tool, upstream, release } }
  } catch (error) {
    release()
    throw error
  }
}
