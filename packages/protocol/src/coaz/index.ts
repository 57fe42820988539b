/**
 * COAZ-MCP binding, draft 1: an MCP message as an AuthZEN evaluation, by the default mapping of each method.
 * A tool's own mapping (`x-authzen-mapping`) is not read.
 */
import type { JsonObject, JsonValue } from '@credence/kit/json'
import type { EvaluationRequest } from '../authzen/index.ts'
import { MCP_ERRORS, mcpRefused } from '../mcp/errors.ts'

/** What the binding takes from the verified token; never from the message. */
export interface CoazToken {
  readonly sub: string
  readonly aud: string
  readonly client_id?: string
}

/** > Pass-through only: ping and notifications. */
export const isPassThrough = (method: string): boolean => method === 'ping' || method.startsWith('notifications/')

type Target = (params: JsonObject, token: CoazToken) => { readonly type: string; readonly id: JsonValue | undefined }

const server: Target = (_params, token) => ({ type: 'mcp_server', id: token.aud })
const named =
  (type: string, member: string): Target =>
  (params) => ({ type, id: params[member] })

const reference: Target = ({ ref }) => {
  if (typeof ref !== 'object' || ref === null || Array.isArray(ref)) return { type: 'prompt', id: undefined }
  const { type, name, uri } = ref as JsonObject
  return type === 'ref/resource' ? { type: 'resource', id: uri } : { type: 'prompt', id: name }
}

const TARGETS: Readonly<Record<string, Target>> = {
  initialize: server,
  'server/discover': server,
  'tools/list': server,
  'resources/list': server,
  'resources/templates/list': server,
  'prompts/list': server,
  'tasks/list': server,
  'logging/setLevel': server,
  'subscriptions/listen': server,
  'tools/call': named('tool', 'name'),
  'resources/read': named('resource', 'uri'),
  'resources/subscribe': named('resource', 'uri'),
  'resources/unsubscribe': named('resource', 'uri'),
  'prompts/get': named('prompt', 'name'),
  'tasks/get': named('task', 'taskId'),
  'tasks/result': named('task', 'taskId'),
  'tasks/cancel': named('task', 'taskId'),
  'completion/complete': reference,
}

/** Unknown methods have no mapping and are refused; so is a target that is not a string. */
export const evaluationOf = (method: string, params: JsonObject, token: CoazToken): EvaluationRequest => {
  const target = Object.hasOwn(TARGETS, method) ? TARGETS[method] : undefined
  if (target === undefined) {
    throw mcpRefused(MCP_ERRORS.methodNotFound, 'coaz_method_unmapped', 'This method is not known.', { status: 404 })
  }
  const { type, id } = target(params, token)
  if (typeof id !== 'string' || id === '') {
    throw mcpRefused(MCP_ERRORS.invalidParams, 'coaz_mapping_failed', 'The message names no target.')
  }
  const { arguments: args } = params
  return {
    subject: { type: 'identity', id: token.sub },
    action: { name: method },
    resource: {
      type,
      id,
      ...(method === 'tools/call' && args !== undefined ? { properties: { arguments: args } } : {}),
    },
    context: token.client_id === undefined ? {} : { agent: token.client_id },
  }
}
