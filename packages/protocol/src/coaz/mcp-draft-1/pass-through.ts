/** COAZ-MCP draft 1, Pass-through Operations. On the path of every message, so a file that loads nothing else. */

/** > Pass-through only: ping and notifications. */
export const isPassThrough = (method: string): boolean => method === 'ping' || method.startsWith('notifications/')
