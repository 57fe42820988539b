/** Hono, on any runtime that has web requests and node:crypto. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Guard } from '../guard.ts'
import { completionOf } from '../http/completion.ts'
import { MAXIMUM_BODY, readBounded } from '../http/door.ts'
import { asResponse, doorOf } from '../http/fetch.ts'
import { type MapHttp, mapHttp, readBody } from '../http/map-request.ts'
import type { Release } from '../stages/outcome.ts'

export interface CredenceEnv {
  Variables: { credence: Release }
}

export interface GuardHonoOptions {
  readonly map?: MapHttp
  readonly maxBody?: number
}

export const guardHono = (guard: Guard, options: GuardHonoOptions = {}): MiddlewareHandler<CredenceEnv> => {
  return async (context, next) => {
    const door = doorOf(context.req.raw)
    const metadata = guard.metadata(door.method, door.target)
    if (metadata !== undefined) return asResponse(metadata)
    try {
      await guard.call(
        door,
        async () => {
          const body = await decidedBody(context, options.maxBody ?? MAXIMUM_BODY)
          return mapHttp(guard.resource, { method: door.method, target: door.target, ...body }, options.map)
        },
        async (release) => {
          context.set('credence', release)
          await next()
          return { value: undefined, completion: completionOf(context.res.status) }
        },
      )
      return undefined
    } catch (error) {
      return asResponse(guard.refusal(error))
    }
  }
}

/** INVARIANT: what the handler reads is the body that was decided on, since it is read once and kept by Hono. */
const decidedBody = async ({ req }: Context, limit: number) => {
  if (req.raw.body === null) return {}
  const bytes = await readBounded(req.raw.body, limit)
  const copy = new ArrayBuffer(bytes.byteLength)
  new Uint8Array(copy).set(bytes)
  Object.assign(req.bodyCache, { arrayBuffer: Promise.resolve(copy) })
  const body = readBody(bytes, req.header('content-type'))
  return body === undefined ? {} : { body }
}
