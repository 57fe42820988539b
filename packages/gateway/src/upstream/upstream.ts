/**
 * An MCP server behind the gateway, whatever its transport and revision. It knows nothing of authorization, and what
 * comes back from it is untrusted.
 */
import type { JsonValue } from '@credence/model'
import type { ParamHeader } from '@credence/protocol/mcp/rev-2026-07-28'

export type JsonObject = { readonly [key: string]: JsonValue }

/** Legacy: begins with `initialize` (2025-11-25 and before). Modern: metadata on every request (2026-07-28). */
export type Era = 'legacy' | 'modern'

export interface UpstreamInfo {
  readonly era: Era
  /** The revision that the upstream and the gateway speak with one another. */
  readonly protocolVersion: string
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly capabilities: JsonObject
  readonly instructions?: string
}

export interface UpstreamCall {
  readonly method: string
  readonly params: JsonObject
  /** Parameters that revision 2026-07-28 mirrors into header fields. */
  readonly mirrored?: readonly ParamHeader[]
  /** The upstream's own credential, given at release. Never the caller's. */
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Notifications that belong to this call: progress, log messages. */
  readonly onNotification: (method: string, params: JsonObject) => void
}

export type UpstreamAnswer =
  | { readonly result: JsonObject }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: JsonValue } }

export interface Upstream {
  /** Asks the server who it is, once; later calls answer from memory. */
  info(): Promise<UpstreamInfo>
  /** Throws `unavailable` when the server does not answer; an error of the server is an answer. */
  call(call: UpstreamCall): Promise<UpstreamAnswer>
  close(): Promise<void>
}

/** What the gateway says of itself to an upstream: no client capability, so that the upstream never asks back. */
export const GATEWAY_CLIENT = { name: 'credence-gateway', version: '0.1.0' } as const
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
