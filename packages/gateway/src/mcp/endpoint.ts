/** POST /mcp/:server: one JSON-RPC message in, one answer out, through the pipeline. */
import { refusalFacts } from '@credence/guard'
import { type CredenceError, refused, toCredenceError } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, HANDLED } from '@credence/kit/http'
import { traceIdOf } from '@credence/kit/telemetry'
import { errorResponseOf } from '@credence/protocol/mcp'
import type { GatewayServer } from '../server.ts'
import { type PerformDeps, perform } from './perform.ts'
import { type Asked, mapMessage, type ReadMessage, readMessage } from './read.ts'

const jsonOnly = (request: EdgeRequest): void => {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json')
    throw refused('content_type_refused', 'The body must be application/json.', { status: 415 })
}

export const handleMessage = async (
  request: EdgeRequest,
  server: GatewayServer,
  deps: PerformDeps,
): Promise<EdgeResponse> => {
  let read: ReadMessage | undefined
  let asked: Asked | undefined
  try {
    jsonOnly(request)
    const body = await request.body()
    const trace = traceIdOf(request.headers.all('traceparent'))
    return await server.guard.call(
      {
        method: 'POST',
        target: request.raw.req.url ?? '',
        authorization: request.headers.all('authorization'),
        dpop: request.headers.all('dpop'),
        ...(trace === undefined ? {} : { trace }),
      },
      async (caller) => {
        read = readMessage(body, request.raw.req.headers)
        const mapped = await mapMessage(read, body, request, server, { caller, trace })
        asked = mapped.asked
        return mapped.mapping
      },
      (release) => perform(asked as Asked, request, server, deps)(release),
    )
  } catch (error) {
    return refusal(toCredenceError(error), read, request, server)
  } finally {
    asked?.release()
  }
}

/** The refusal in the words of HTTP (status, challenge) and of JSON-RPC (body), both at once. */
const refusal = (
  error: CredenceError,
  read: ReadMessage | undefined,
  { raw }: EdgeRequest,
  server: GatewayServer,
): EdgeResponse => {
  if (raw.res.headersSent) {
    raw.res.destroy()
    return HANDLED
  }
  const { status, headers } = server.guard.refusal(error)
  const id = read?.message.kind === 'request' ? read.message.id : undefined
  const body = errorResponseOf(error, id)
  const { decision, operation } = refusalFacts(error)
  const known = {
    code: error.code,
    ...(operation === undefined ? {} : { op: operation.op }),
    ...(decision === undefined ? {} : { decision: decision.id, reason: decision.reason }),
  }
  const data = body.error.data ?? known
  return {
    status,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...body, error: { ...body.error, data } }),
  }
}
