/** The header fields of each revision for a message that came without any (stdio has no header layer). */
import type { JsonObject } from '@credence/kit/json'
import type { McpMessage } from '@credence/protocol/mcp'
import { META, type ParamHeader, paramHeaders, requestHeaders } from '@credence/protocol/mcp/rev-2026-07-28'

export interface Fields {
  of(message: McpMessage): Record<string, string>
  /** Remembers the version of a handshake, and which parameters of which tool are mirrored into fields. */
  learn(asked: McpMessage, answer: JsonObject): void
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isModern = (message: McpMessage): boolean =>
  message.kind !== 'response' &&
  isObject(message.params._meta) &&
  typeof message.params._meta[META.protocolVersion] === 'string'

export const createFields = (): Fields => {
  let version: string | undefined
  const mirrored = new Map<string, readonly ParamHeader[]>()
  return {
    of: (message) => {
      if (message.kind === 'response') return {}
      if (isModern(message)) {
        const marked = message.method === 'tools/call' ? mirrored.get(String(message.params.name)) : undefined
        return requestHeaders(message.method, message.params, marked)
      }
      return version === undefined || message.method === 'initialize' ? {} : { 'mcp-protocol-version': version }
    },
    learn: (asked, { result }) => {
      if (asked.kind !== 'request' || !isObject(result)) return
      if (asked.method === 'initialize' && typeof result.protocolVersion === 'string') version = result.protocolVersion
      if (asked.method !== 'tools/list' || !Array.isArray(result.tools)) return
      for (const tool of result.tools) {
        if (isObject(tool) && typeof tool.name === 'string')
          mirrored.set(tool.name, paramHeaders(tool.inputSchema ?? null) ?? [])
      }
    },
  }
}
