/** JSON-RPC errors of MCP: the codes, and how one leaves. */
import { type CredenceError, refused } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'

export const MCP_ERRORS = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** 2026-07-28 */
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
  /** COAZ-MCP binding draft 1, section on error transport: the decision was no. */
  denied: -32001,
} as const

export type McpErrorCode = (typeof MCP_ERRORS)[keyof typeof MCP_ERRORS]

export interface McpErrorResponse {
  readonly jsonrpc: '2.0'
  readonly id?: string | number
  readonly error: { readonly code: number; readonly message: string; readonly data?: JsonValue }
}

/** > Error responses MUST include the same ID as the request they correspond to, except where it could not be read. */
export const errorResponse = (
  id: string | number | undefined,
  code: number,
  message: string,
  data?: JsonValue,
): McpErrorResponse => ({
  jsonrpc: '2.0',
  ...(id === undefined ? {} : { id }),
  error: { code, message, ...(data === undefined ? {} : { data }) },
})

const RPC = Symbol.for('credence.mcp.error')

interface RpcFacts {
  readonly code: number
  readonly id: string | number | undefined
  readonly data: JsonValue | undefined
}

/** A refusal that knows its JSON-RPC code. `standard` carries the code as text. */
export const mcpRefused = (
  rpcCode: number,
  code: string,
  message: string,
  options: { readonly status?: number; readonly id?: string | number; readonly data?: JsonValue } = {},
): CredenceError => {
  const error = refused(code, message, { status: options.status ?? 400, standard: String(rpcCode) })
  const facts: RpcFacts = { code: rpcCode, id: options.id, data: options.data }
  Object.defineProperty(error, RPC, { value: facts })
  return error
}

const isRpcFacts = (value: unknown): value is RpcFacts => typeof value === 'object' && value !== null && 'code' in value

/** The error object for anything that was thrown: what is not one of ours is an internal error without detail. */
export const errorResponseOf = (error: CredenceError, id?: string | number): McpErrorResponse => {
  const facts: unknown = Reflect.get(error, RPC)
  if (isRpcFacts(facts)) return errorResponse(id ?? facts.id, facts.code, error.message, facts.data)
  if (error.kind === 'refused') return errorResponse(id, MCP_ERRORS.denied, error.message, { code: error.code })
  return errorResponse(id, MCP_ERRORS.internalError, error.message, { code: error.code })
}
