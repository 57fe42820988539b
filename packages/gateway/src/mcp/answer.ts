/** How a result or an error leaves: one JSON object, or events when notifications came before it. */
import type { ServerResponse } from 'node:http'
import type { Completion, Sent } from '@credence/guard'
import { type EdgeResponse, HANDLED, replyNothing } from '@credence/kit/http'
import { sseEvent } from '@credence/kit/sse'
import type { JsonObject } from '../upstream/upstream.ts'
import { digestOf, verdictOf } from './digest.ts'

type Id = string | number

/** > If the server accepts the notification, it MUST return HTTP status code 202 Accepted with no body. */
export const accepted: Sent<EdgeResponse> = { value: replyNothing({ status: 202 }) }

export interface Answer {
  /** A notification that belongs to this call; the first one turns the answer into a stream of events. */
  notify(method: string, params: JsonObject): void
  end(body: { readonly result: JsonObject } | { readonly error: JsonObject }): Sent<EdgeResponse>
}

const JSON_BODY = { 'content-type': 'application/json' }
const MAX_BUFFERED = 4 * 1024 * 1024

/** `streams`: the caller accepts `text/event-stream`; otherwise notifications are dropped. */
export const createAnswer = (id: Id, response: ServerResponse, streams: boolean): Answer => {
  let streaming = false
  return {
    notify: (method, params) => {
      if (!streams || response.destroyed || response.writableLength > MAX_BUFFERED) return
      if (!streaming) {
        streaming = true
        response.writeHead(200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        })
      }
      response.write(sseEvent(JSON.stringify({ jsonrpc: '2.0', method, params })))
    },
    end: (body) => {
      const message = { jsonrpc: '2.0', id, ...body }
      const text = JSON.stringify(message)
      const completion: Completion = { ...(verdictOf(message) ?? { status: 'unknown' }), result: digestOf(text) }
      if (!streaming) return { value: { status: 200, headers: JSON_BODY, body: text }, completion }
      response.end(sseEvent(text))
      return { value: HANDLED, completion }
    },
  }
}
