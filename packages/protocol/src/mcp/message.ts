/**
 * JSON-RPC 2.0 as MCP narrows it: one object, no batch, ids that are strings or safe integers. The same for every revision.
 */
import { isCredenceError } from '@credence/kit'
import { type JsonObject, type JsonValue, parseStrict } from '@credence/kit/json'
import { MCP_ERRORS, mcpRefused } from './errors.ts'

export type RequestId = string | number

export interface McpRequest {
  readonly kind: 'request'
  readonly id: RequestId
  readonly method: string
  readonly params: JsonObject
  /** The whole message as it was read, unknown members included. */
  readonly raw: JsonObject
}

export interface McpNotification {
  readonly kind: 'notification'
  readonly method: string
  readonly params: JsonObject
  readonly raw: JsonObject
}

export interface McpResponse {
  readonly kind: 'response'
  readonly id: RequestId | undefined
  readonly result: JsonObject | undefined
  readonly error: McpErrorObject | undefined
  readonly raw: JsonObject
}

export interface McpErrorObject {
  readonly code: number
  readonly message: string
  readonly data?: JsonValue
}

export type McpMessage = McpRequest | McpNotification | McpResponse

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const MAXIMUM_ID = 256
const METHOD = /^[A-Za-z0-9_$./-]{1,128}$/

/** The members that decide how a message is read; the same name in another case is a trick. */
const MEMBERS = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']

/** The members of `params` that any revision gives a meaning to. */
const PARAMS = [
  '_meta',
  'name',
  'arguments',
  'uri',
  'ref',
  'argument',
  'context',
  'cursor',
  'level',
  'task',
  'taskId',
  'requestState',
  'inputResponses',
  'protocolVersion',
  'capabilities',
  'clientInfo',
]
const REFERENCE = ['type', 'name', 'uri']

const isId = (value: JsonValue | undefined): value is RequestId =>
  typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && value.length <= MAXIMUM_ID

/** `{ maxBytes, maxDepth }` as kit's strict parser takes them. */
export interface MessageLimits {
  readonly maxBytes?: number
  readonly maxDepth?: number
}

/** Bytes from outside to one message, or a refusal that carries the JSON-RPC error to answer with. */
export const parseMessage = (bytes: Uint8Array | string, limits: MessageLimits = {}): McpMessage => {
  let value: JsonValue
  try {
    value = parseStrict(bytes, limits)
  } catch (error) {
    if (!isCredenceError(error) || error.kind !== 'refused') throw error
    throw mcpRefused(MCP_ERRORS.parseError, error.code, error.message, { status: error.status })
  }
  return readMessage(value)
}

const invalid = (code: string, message: string, id?: RequestId) =>
  mcpRefused(MCP_ERRORS.invalidRequest, code, message, { status: 400, ...(id === undefined ? {} : { id }) })

/** A message from a value that was parsed strictly. */
export const readMessage = (value: JsonValue): McpMessage => {
  if (Array.isArray(value)) throw invalid('mcp_batch_refused', 'Batches are not accepted.')
  if (!isObject(value)) throw invalid('mcp_message_malformed', 'The message is not a JSON object.')
  if (value.jsonrpc !== '2.0') throw invalid('mcp_message_malformed', 'jsonrpc must be "2.0".')
  onlyExactNames(value, MEMBERS)
  if (value.method !== undefined) return readCall(value)
  return readResponse(value)
}

/** Both ways, so that the long s and the Kelvin sign become the letters that some readers take them for. */
const folded = (name: string): string => name.toUpperCase().toLowerCase()

const FOLDED = new Map<readonly string[], ReadonlySet<string>>(
  [MEMBERS, PARAMS, REFERENCE].map((members) => [members, new Set(members.map((name) => folded(name)))]),
)

/** A reader that ignores case would see another message than we do. */
const onlyExactNames = (value: JsonObject, members: readonly string[], id?: RequestId): void => {
  for (const name of Object.keys(value)) {
    if (!members.includes(name) && FOLDED.get(members)?.has(folded(name)) === true) {
      throw invalid('mcp_member_case', 'A member of the message is written in another case.', id)
    }
  }
}

const readCall = (raw: JsonObject): McpRequest | McpNotification => {
  const { id, method, params = {} } = raw
  const known = isId(id) ? id : undefined
  if (typeof method !== 'string' || !METHOD.test(method)) {
    throw invalid('mcp_message_malformed', 'The method is malformed.', known)
  }
  if (!isObject(params)) throw invalid('mcp_message_malformed', 'params must be an object.', known)
  onlyExactNames(params, PARAMS, known)
  if (isObject(params.ref)) onlyExactNames(params.ref, REFERENCE, known)
  if (raw.result !== undefined || raw.error !== undefined) {
    throw invalid('mcp_message_malformed', 'A call carries neither result nor error.', known)
  }
  if (!Object.hasOwn(raw, 'id')) return { kind: 'notification', method, params, raw }
  if (known === undefined) throw invalid('mcp_id_refused', 'The id must be a string or a safe integer.')
  return { kind: 'request', id: known, method, params, raw }
}

const readResponse = (raw: JsonObject): McpResponse => {
  const { id, result, error } = raw
  const known = isId(id) ? id : undefined
  if ((result === undefined) === (error === undefined)) {
    throw invalid('mcp_message_malformed', 'A message has a method, a result or an error, and only one of them.', known)
  }
  if (result !== undefined) {
    if (!isObject(result) || known === undefined)
      throw invalid('mcp_message_malformed', 'The result is malformed.', known)
    return { kind: 'response', id: known, result, error: undefined, raw }
  }
  return { kind: 'response', id: known, result: undefined, error: readError(error, known), raw }
}

const readError = (error: JsonValue | undefined, id: RequestId | undefined): McpErrorObject => {
  if (!isObject(error) || !Number.isSafeInteger(error.code) || typeof error.message !== 'string') {
    throw invalid('mcp_message_malformed', 'The error is malformed.', id)
  }
  return {
    code: Number(error.code),
    message: error.message,
    ...(error.data === undefined ? {} : { data: error.data }),
  }
}
