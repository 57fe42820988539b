/**
 * What a grant allows, as RFC 9396 authorization details. One type so far: `mcp_tools`.
 *
 * An unknown type has no subset relation, so it is refused rather than compared.
 */
import { z } from 'zod'

/**
 * `mcp_tools`: calls of named tools of one MCP server.
 * `locations` holds exactly one resource identifier (RFC 8707); `tools` is sorted and without duplicates.
 */
export const McpToolsDetail = z.strictObject({
  type: z.literal('mcp_tools'),
  locations: z.tuple([z.string().min(1).max(2048)]),
  tools: z.array(z.string().min(1).max(256)).min(1).max(256),
})
export type McpToolsDetail = z.infer<typeof McpToolsDetail>

export const AuthorizationDetail = z.discriminatedUnion('type', [McpToolsDetail])
export type AuthorizationDetail = z.infer<typeof AuthorizationDetail>

export const AuthorizationDetails = z.array(AuthorizationDetail).max(32)
export type AuthorizationDetails = readonly AuthorizationDetail[]
