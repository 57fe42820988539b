/** What a method is applied to, so that an operation can be named. */
import type { JsonObject } from '@credence/kit/json'
import { MCP_ERRORS, mcpRefused } from './errors.ts'
import type { RequestId } from './message.ts'

export interface MethodRule {
  /** Where the name stands in `params`; undefined when the method says it all. */
  readonly names: 'name' | 'uri' | 'taskId' | 'ref' | undefined
  /** `control` speaks about the connection itself and touches no data of the server. */
  readonly kind: 'call' | 'list' | 'read' | 'control' | 'stream'
}

export type MethodTable = Readonly<Record<string, MethodRule>>

export const lookup = (table: MethodTable, method: string): MethodRule | undefined =>
  Object.hasOwn(table, method) ? table[method] : undefined

/** COAZ-MCP and every revision: an unknown method is refused, upstream untouched. */
export const requireMethod = (table: MethodTable, method: string, id: RequestId | undefined): MethodRule => {
  const rule = lookup(table, method)
  if (rule !== undefined) return rule
  throw mcpRefused(MCP_ERRORS.methodNotFound, 'mcp_method_unknown', 'This method is not known.', {
    status: 404,
    ...(id === undefined ? {} : { id }),
  })
}

const MAXIMUM_NAME = 2048

/** The exact name, byte for byte as the server will read it: no trimming, no folding. Empty where the method says it all. */
export const methodTarget = (rule: MethodRule, params: JsonObject, id?: RequestId): string => {
  if (rule.names === undefined) return ''
  const target = rule.names === 'ref' ? referenceTarget(params) : params[rule.names]
  if (typeof target === 'string' && target !== '' && target.length <= MAXIMUM_NAME) return target
  throw mcpRefused(MCP_ERRORS.invalidParams, 'mcp_name_missing', `params.${rule.names} is missing or malformed.`, {
    ...(id === undefined ? {} : { id }),
  })
}

/** `completion/complete`: a prompt by name or a resource by URI. */
const referenceTarget = ({ ref }: JsonObject) => {
  if (typeof ref !== 'object' || ref === null || Array.isArray(ref)) return undefined
  const { type, name, uri } = ref as JsonObject
  if (type === 'ref/prompt') return name
  return type === 'ref/resource' ? uri : undefined
}
