/** Express. Put it before the routes it guards; with or without a body parser before it. */

import type { JsonValue } from '@credence/model'
import type { RequestHandler } from 'express'
import type { Guard } from '../guard.ts'
import { whenAnswered } from '../http/completion.ts'
import { answer, answerRefusal, bodyOf, doorRequest, MAXIMUM_BODY } from '../http/door.ts'
import { decidedValue, isJson, type MapHttp, mapHttp } from '../http/map-request.ts'
import type { Release } from '../stages/outcome.ts'

declare global {
  namespace Express {
    interface Request {
      credence?: Release
    }
  }
}

export interface GuardExpressOptions {
  readonly map?: MapHttp
  readonly maxBody?: number
}

type ExpressRequest = Parameters<RequestHandler>[0]

export const guardExpress = (guard: Guard, options: GuardExpressOptions = {}): RequestHandler => {
  const serve: (...args: Parameters<RequestHandler>) => Promise<void> = async (request, response, next) => {
    const target = request.originalUrl
    const door = doorRequest(request, target)
    await guard.call(
      door,
      async () => {
        const body = await decidedBody(request, options.maxBody ?? MAXIMUM_BODY)
        return mapHttp(guard.resource, { method: door.method, target, ...body }, options.map)
      },
      (release) => {
        request.credence = release
        const completion = whenAnswered(response)
        next()
        return { value: undefined, completion }
      },
    )
  }
  return (request, response, next) => {
    const metadata = guard.metadata(request.method, request.originalUrl)
    if (metadata !== undefined) answer(response, metadata)
    else serve(request, response, next).catch((error) => answerRefusal(guard, response, error))
  }
}

/** INVARIANT: `request.body` is what was decided on. Read here when no parser has read it before. */
const decidedBody = async (request: ExpressRequest, limit: number): Promise<{ body?: JsonValue }> => {
  if (request.body !== undefined || request.readableEnded) return decidedValue(request.body)
  const { bytes, value } = await bodyOf(request, limit)
  if (value !== undefined) request.body = isJson(request.headers['content-type']) ? value : bytes
  return value === undefined ? {} : { body: value }
}
