/** Fastify. A plugin that guards every route of its scope, after the body was parsed and before the handler. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Guard } from '../guard.ts'
import { whenAnswered } from '../http/completion.ts'
import { doorRequest } from '../http/door.ts'
import { decidedValue, type MapHttp, mapHttp } from '../http/map-request.ts'
import type { Release } from '../stages/outcome.ts'

declare module 'fastify' {
  interface FastifyRequest {
    credence: Release | null
  }
}

export interface GuardFastifyOptions {
  readonly guard: Guard
  readonly map?: MapHttp
}

const plugin: FastifyPluginAsync<GuardFastifyOptions> = async (app, { guard, map }) => {
  app.decorateRequest('credence', null)
  app.addHook('onRequest', async (request, reply) => {
    const metadata = guard.metadata(request.method, request.url)
    if (metadata !== undefined) return reply.code(metadata.status).headers(metadata.headers).send(metadata.body)
  })
  app.addHook('preHandler', async (request, reply) => {
    try {
      await guarded(guard, map, request, reply)
    } catch (error) {
      const { status, headers, body } = guard.refusal(error)
      return reply.code(status).headers(headers).send(body)
    }
  })
}

const guarded = (
  guard: Guard,
  map: MapHttp | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> => {
  const door = doorRequest(request.raw, request.url)
  return guard.call(
    door,
    () => {
      const body = decidedValue(request.body)
      return mapHttp(guard.resource, { method: door.method, target: door.target, ...body }, map)
    },
    (release) => {
      request.credence = release
      return { value: undefined, completion: whenAnswered(reply.raw) }
    },
  )
}

/** The registered symbol by which Fastify lets a plugin guard its parent's routes instead of a scope of its own. */
export const guardFastify: FastifyPluginAsync<GuardFastifyOptions> = Object.assign(plugin, {
  [Symbol.for('skip-override')]: true,
})
