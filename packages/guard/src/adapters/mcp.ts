/**
 * MCP servers built with the SDK (`createMcpHandler(...)` of @modelcontextprotocol/server). Every message is one
 * operation; a `tools/call` is decided on with the tool's name and its exact arguments.
 */
import { type CredenceError, toCredenceError } from '@credence/kit'
import type { JsonObject } from '@credence/kit/json'
import type { ToolLabels } from '@credence/model'
import {
  errorResponseOf,
  MCP_ERRORS,
  type McpMessage,
  mcpRefused,
  meantBy,
  methodTarget,
  parseMessage,
  requireMethod,
  revisionOf,
} from '@credence/protocol/mcp'
import * as legacy from '@credence/protocol/mcp/rev-2025-11-25'
import * as modern from '@credence/protocol/mcp/rev-2026-07-28'
import type { Guard } from '../guard.ts'
import { MAXIMUM_BODY, readBounded } from '../http/door.ts'
import { asResponse, doorOf, followed } from '../http/fetch.ts'
import { READING } from '../http/map-request.ts'
import type { Mapping } from '../stages/operation.ts'
import type { Release } from '../stages/outcome.ts'

/** The part of the SDK's handler that is needed, so that this file needs no SDK. */
export interface McpFetchHandler {
  fetch(request: Request, options?: { authInfo?: McpAuthInfo; parsedBody?: unknown }): Promise<Response>
}

/** The SDK's `AuthInfo`. INVARIANT: `token` is empty: a tool has no use for the caller's token but to misuse it. */
export interface McpAuthInfo {
  token: string
  clientId: string
  scopes: string[]
  expiresAt?: number
  /** `credence`: the `Release`, with operation, caller and decision. */
  extra?: Record<string, unknown>
}

export interface GuardMcpOptions {
  /** Labels of our own tools, by name. A tool without labels is consequential. */
  readonly labels?: Readonly<Record<string, ToolLabels>>
  /** Scopes that a call of this tool needs. */
  readonly scope?: (tool: string) => readonly string[]
  readonly maxBody?: number
}

/** A web-standard handler; `toNodeHandler` of the SDK or a framework puts it on a socket. */
export const guardMcp = (
  guard: Guard,
  handler: McpFetchHandler,
  options: GuardMcpOptions = {},
): { fetch(request: Request): Promise<Response> } => {
  const serve = (request: Request, seen: { message?: McpMessage }): Promise<Response> =>
    guard.call(
      doorOf(request),
      async () => {
        const message = await read(request, options.maxBody ?? MAXIMUM_BODY)
        if (message !== undefined) seen.message = message
        return mapMessage(guard.resource, request, message, options)
      },
      async (release) => {
        // INVARIANT: the server works on the very value that was decided on, not on a second reading of the bytes.
        const parsed = seen.message === undefined ? {} : { parsedBody: seen.message.raw }
        return followed(await handler.fetch(withoutCredentials(request), { authInfo: authInfoOf(release), ...parsed }))
      },
    )
  return {
    fetch: async (request) => {
      const metadata = guard.metadata(request.method, doorOf(request).target)
      if (metadata !== undefined) return asResponse(metadata)
      const seen: { message?: McpMessage } = {}
      return serve(request, seen).catch((error) => refuse(guard, toCredenceError(error), seen.message))
    },
  }
}

const read = async (request: Request, limit: number): Promise<McpMessage | undefined> => {
  if (request.method !== 'POST') return undefined
  const bytes = request.body === null ? new Uint8Array() : await readBounded(request.body, limit)
  return parseMessage(bytes)
}

const mapMessage = (
  resource: string,
  request: Request,
  message: McpMessage | undefined,
  options: GuardMcpOptions,
): Mapping => {
  if (message === undefined)
    return { resource, method: `http.${request.method.toLowerCase()}`, name: '', arguments: {} }
  if (message.kind === 'response')
    throw mcpRefused(MCP_ERRORS.invalidRequest, 'mcp_response_refused', 'A response cannot be posted here.')
  const headers = Object.fromEntries(request.headers)
  const revision = revisionOf(message, headers) === modern.VERSION ? modern : legacy
  if (message.kind === 'notification') return mapNotification(resource, message.method, message.params, revision)
  const rule = requireMethod(revision.METHODS, message.method, message.id)
  const name = methodTarget(rule, message.params, message.id)
  const base = { resource, method: message.method, name }
  if (message.method === 'tools/call') return mapToolCall(base, message.params, options)
  const meant = meantBy(message.params, rule.names === 'ref' ? undefined : rule.names, false)
  return { ...base, ...meant, labels: rule.kind === 'control' || rule.kind === 'list' ? READING : {} }
}

const mapNotification = (
  resource: string,
  method: string,
  params: JsonObject,
  { CLIENT_NOTIFICATIONS }: { readonly CLIENT_NOTIFICATIONS: ReadonlySet<string> },
): Mapping => {
  if (!CLIENT_NOTIFICATIONS.has(method))
    throw mcpRefused(MCP_ERRORS.methodNotFound, 'mcp_method_unknown', 'This method is not known.')
  return { resource, method, name: '', ...meantBy(params, undefined, false), labels: READING }
}

const mapToolCall = (
  base: Pick<Mapping, 'resource' | 'method' | 'name'>,
  params: JsonObject,
  { labels, scope }: GuardMcpOptions,
): Mapping => {
  const own = labels !== undefined && Object.hasOwn(labels, base.name) ? labels[base.name] : undefined
  return {
    ...base,
    ...meantBy(params, 'name', true),
    labels: own ?? {},
    ...(scope === undefined ? {} : { scope: scope(base.name) }),
  }
}

const authInfoOf = (release: Release): McpAuthInfo => ({
  token: '',
  clientId: release.caller.clientId,
  scopes: [...release.caller.scope],
  expiresAt: release.caller.expiresAt,
  extra: { credence: release },
})

/** The server behind the guard gets no token, proof or cookie to hand on. */
const withoutCredentials = (request: Request): Request => {
  const headers = new Headers(request.headers)
  for (const name of ['authorization', 'dpop', 'cookie']) headers.delete(name)
  return new Request(request.url, { method: request.method, headers, signal: request.signal })
}

/** Status and challenge as HTTP wants them, the body as a JSON-RPC error. */
const refuse = (guard: Guard, error: CredenceError, message: McpMessage | undefined): Response => {
  const { status, headers } = guard.refusal(error)
  const id = message?.kind === 'request' ? message.id : undefined
  return asResponse({
    status,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify(errorResponseOf(error, id)),
  })
}
