/** What every adapter for Node's request and response does alike. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refused } from '@credence/kit'
import { traceIdOf } from '@credence/kit/telemetry'
import type { JsonValue } from '@credence/model'
import type { DoorRequest, Guard, HttpAnswer } from '../guard.ts'
import { readBody } from './map-request.ts'

export const MAXIMUM_BODY = 1_048_576

export const doorRequest = (request: IncomingMessage, target: string): DoorRequest => ({
  method: request.method ?? '',
  target,
  authorization: request.headersDistinct.authorization ?? [],
  dpop: request.headersDistinct.dpop ?? [],
  trace: traceIdOf(request.headersDistinct.traceparent ?? []),
})

export const tooLarge = () =>
  refused('body_too_large', 'The body is too large.', { status: 413, headers: { Connection: 'close' } })

/** The whole body, bounded while it is read. */
export const readBounded = async (chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of chunks) {
    length += part.length
    if (length > limit) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts, length)
}

export interface Body {
  readonly bytes: Uint8Array
  readonly value: JsonValue | undefined
}

export const bodyOf = async (request: IncomingMessage, limit: number): Promise<Body> => {
  const bytes = await readBounded(request, limit)
  return { bytes, value: readBody(bytes, request.headers['content-type']) }
}

export const answer = (response: ServerResponse, { status, headers, body }: HttpAnswer): void => {
  response.writeHead(status, headers).end(body)
}

/** A refusal after the answer has begun can only end it. */
export const answerRefusal = (guard: Guard, response: ServerResponse, error: unknown): void => {
  if (response.headersSent) response.destroy()
  else answer(response, guard.refusal(error))
}
