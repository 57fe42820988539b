/** CEL for the mappings of COAZ-MCP: loaded by who has one. */
import { celReader } from './framework-draft-1/cel.ts'
import type { ExpressionReader } from './framework-draft-1/index.ts'
import { VARIABLES } from './mcp-draft-1/index.ts'

export const mcpExpressions = (): ExpressionReader => celReader(VARIABLES)
