/** Model Context Protocol: what all revisions share. Each revision has a folder of its own. */
export {
  errorResponse,
  errorResponseOf,
  MCP_ERRORS,
  type McpErrorCode,
  type McpErrorResponse,
  mcpRefused,
} from './errors.ts'
export { type Headers, PROTOCOL_VERSION_HEADER, singleHeader } from './headers.ts'
export { type Meant, meantBy } from './meant.ts'
export {
  type McpErrorObject,
  type McpMessage,
  type McpNotification,
  type McpRequest,
  type McpResponse,
  type MessageLimits,
  parseMessage,
  type RequestId,
  readMessage,
} from './message.ts'
export { lookup, type MethodRule, type MethodTable, methodTarget, requireMethod } from './methods.ts'
export { REVISIONS, type Revision, revisionOf } from './revision.ts'
