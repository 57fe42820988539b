/** Web requests and responses, as Hono and the MCP SDK speak them. */
import { createHash } from 'node:crypto'
import { traceIdOf } from '@credence/kit/telemetry'
import type { DoorRequest, HttpAnswer } from '../guard.ts'
import type { Completion, Sent } from '../stages/outcome.ts'
import { completionOf } from './completion.ts'

/** Web headers join repeated fields with a comma, which no token and no proof contains: it is seen and refused. */
export const doorOf = (request: Request): DoorRequest => {
  const { pathname, search } = new URL(request.url)
  return {
    method: request.method,
    target: pathname + search,
    authorization: field(request, 'authorization'),
    dpop: field(request, 'dpop'),
    trace: traceIdOf(field(request, 'traceparent')),
  }
}

const field = (request: Request, name: string): readonly string[] => {
  const value = request.headers.get(name)
  return value === null ? [] : [value]
}

export const asResponse = ({ status, headers, body }: HttpAnswer): Response => new Response(body, { status, headers })

/** The response as it came, watched: the outcome is known when its last byte has passed. */
export const followed = (response: Response): Sent<Response> => {
  const { body, status, headers, statusText } = response
  const ended = completionOf(status)
  if (body === null) return { value: response, completion: ended }
  const hash = createHash('sha256')
  let settle: (completion: Completion) => void = () => undefined
  const completion = new Promise<Completion>((resolve) => {
    settle = resolve
  })
  const watched = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      hash.update(chunk)
      controller.enqueue(chunk)
    },
    flush: () => settle({ ...ended, result: hash.digest('base64url') }),
    cancel: () => settle({ status: 'unknown', code: 'caller_left' }),
  })
  return { value: new Response(body.pipeThrough(watched), { status, statusText, headers }), completion }
}
