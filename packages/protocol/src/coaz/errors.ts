/** COAZ framework draft 1, Denials and Errors: a mapping error. JSON-RPC code -32602 in the MCP binding. */
import type { CredenceError } from '@credence/kit'
import { MCP_ERRORS, mcpRefused } from '../mcp/errors.ts'

/**
 * > The PEP cannot construct a valid AuthZEN request from the mapping and the operation's inputs.
 * NOTE: what was computed stands in no message, since it may be an argument and messages are recorded.
 */
export const mappingError = (why: string): CredenceError =>
  mcpRefused(MCP_ERRORS.invalidParams, 'coaz_mapping_failed', `COAZ mapping error: ${why}`)

/** > A method that has no mapping MUST be denied (COAZ-MCP draft 1, Unknown Methods). */
export const unmapped = (): CredenceError =>
  mcpRefused(MCP_ERRORS.methodNotFound, 'coaz_method_unmapped', 'This method is not known.', { status: 404 })
