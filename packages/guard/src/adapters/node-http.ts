/** node:http. Every request is one operation, except that anybody may read the metadata of the resource. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Guard } from '../guard.ts'
import { whenAnswered } from '../http/completion.ts'
import { answer, answerRefusal, bodyOf, doorRequest, MAXIMUM_BODY } from '../http/door.ts'
import { type MapHttp, mapHttp } from '../http/map-request.ts'
import type { Release } from '../stages/outcome.ts'

export type GuardedRequest = IncomingMessage & {
  readonly credence: Release
  /** The body that was decided on; the stream has been read. */
  readonly body: Uint8Array
}

export interface GuardHttpOptions {
  readonly map?: MapHttp
  /** Bytes. Default 1 MiB. */
  readonly maxBody?: number
}

export const guardHttp = (
  guard: Guard,
  handler: (request: GuardedRequest, response: ServerResponse) => void | Promise<void>,
  options: GuardHttpOptions = {},
): RequestListener => {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = request.url ?? ''
    const door = doorRequest(request, target)
    let body: Uint8Array = new Uint8Array()
    await guard.call(
      door,
      async () => {
        const read = await bodyOf(request, options.maxBody ?? MAXIMUM_BODY)
        body = read.bytes
        const asked = { method: door.method, target, ...(read.value === undefined ? {} : { body: read.value }) }
        return mapHttp(guard.resource, asked, options.map)
      },
      async (release) => {
        const completion = whenAnswered(response)
        await handler(Object.assign(request, { credence: release, body }), response)
        return { value: undefined, completion }
      },
    )
  }
  return (request, response) => {
    const metadata = guard.metadata(request.method ?? '', request.url ?? '')
    if (metadata !== undefined) answer(response, metadata)
    else serve(request, response).catch((error) => answerRefusal(guard, response, error))
  }
}
