/** COAZ: an MCP message as AuthZEN evaluations. Each draft is a folder; these are the newest. CEL is `./coaz/cel`, since it is large. */
export * from './framework-draft-1/index.ts'
export * from './mcp-draft-1/index.ts'
