/**
 * > The server MUST return 400 Bad Request with a JSON-RPC error (2026-07-28, several rules; 404 for unknown methods).
 *
 * INVARIANT: of such an answer only the error object passes, read whole and printed again. Statuses that speak of
 * credentials (401, 403) or of the server's own trouble are never relayed.
 */
import type { Sent } from '@credence/guard'
import { type EdgeResponse, replyJson } from '@credence/kit/http'
import { parseStrict } from '@credence/kit/json'
import { isObject } from '../upstream/upstream.ts'

export const MAX_REFUSAL = 65_536

export const mayRefuse = (status: number): boolean => status === 400 || status === 404

/** Undefined when the body is no error of JSON-RPC. */
export const upstreamRefusal = (status: number, body: Uint8Array): Sent<EdgeResponse> | undefined => {
  try {
    const message = parseStrict(body, { maxBytes: MAX_REFUSAL })
    if (!isObject(message) || message.jsonrpc !== '2.0' || !isObject(message.error)) return undefined
    const { code, message: text, data } = message.error
    if (!Number.isSafeInteger(code) || typeof text !== 'string') return undefined
    const id = typeof message.id === 'string' || typeof message.id === 'number' ? message.id : null
    const error = { code: code as number, message: text, ...(data === undefined ? {} : { data }) }
    return {
      value: replyJson({ jsonrpc: '2.0', id, error }, { status }),
      completion: { status: 'failed', code: `rpc_${String(code)}` },
    }
  } catch {
    return undefined
  }
}
