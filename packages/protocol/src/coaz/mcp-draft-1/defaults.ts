/**
 * COAZ-MCP draft 1, Default Mappings: one for each method, as functions, since they stand on the path of every message.
 * A test reads the mappings of the draft with CEL and compares.
 */
import type { JsonObject, JsonValue } from '@credence/kit/json'
import type { EvaluationRequest } from '../../authzen/index.ts'
import { mappingError, unmapped } from '../errors.ts'
import type { CoazToken } from './inputs.ts'

interface Default {
  readonly target: (
    params: JsonObject,
    token: CoazToken,
  ) => { readonly type: string; readonly id: JsonValue | undefined }
  /** Members of the context beside `agent`, and where they stand in `params`. */
  readonly context?: Readonly<Record<string, string>>
}

const server: Default = { target: (_params, token) => ({ type: 'mcp_server', id: token.aud }) }
const named = (type: string, member: string): Default => ({ target: (params) => ({ type, id: own(params, member) }) })

const own = (params: JsonObject, name: string): JsonValue | undefined =>
  Object.hasOwn(params, name) ? params[name] : undefined

/** NOTE: the draft writes `$params` within the expression, where only the leading `$` is one; what it means is this. */
const reference: Default = {
  target: ({ ref }) => {
    if (typeof ref !== 'object' || ref === null || Array.isArray(ref))
      throw mappingError('the message names no target.')
    const isPrompt = own(ref as JsonObject, 'type') === 'ref/prompt'
    return { type: isPrompt ? 'prompt' : 'resource', id: own(ref as JsonObject, isPrompt ? 'name' : 'uri') }
  },
}

/** NOTE: `server/discover`, `resources/templates/list` and `subscriptions/listen` are not in the draft; they are about the server. */
const DEFAULTS: Readonly<Record<string, Default>> = {
  initialize: { ...server, context: { protocol_version: 'protocolVersion' } },
  'server/discover': server,
  'tools/list': server,
  'resources/list': server,
  'resources/templates/list': server,
  'prompts/list': server,
  'tasks/list': server,
  'logging/setLevel': { ...server, context: { level: 'level' } },
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

export const hasDefaultMapping = (method: string): boolean => Object.hasOwn(DEFAULTS, method)

const contextOf = (
  params: JsonObject,
  token: CoazToken,
  more: Default['context'] = {},
): EvaluationRequest['context'] => {
  const context: Record<string, JsonValue> = {}
  if (token.client_id !== undefined) context.agent = token.client_id
  for (const [name, member] of Object.entries(more)) {
    const value = own(params, member)
    if (value === undefined) throw mappingError(`params.${member} is missing.`)
    context[name] = value
  }
  return context
}

/** Unknown methods have no mapping and are refused; so is a target that is not a string. */
export const evaluationOf = (method: string, params: JsonObject, token: CoazToken): EvaluationRequest => {
  const mapping = Object.hasOwn(DEFAULTS, method) ? DEFAULTS[method] : undefined
  if (mapping === undefined) throw unmapped()
  const { type, id } = mapping.target(params, token)
  if (typeof id !== 'string' || id === '') throw mappingError('the message names no target.')
  return {
    subject: { type: 'identity', id: token.sub },
    action: { name: method },
    resource: { type, id },
    context: contextOf(params, token, mapping.context),
  }
}
