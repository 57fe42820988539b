/**
 * Between equal revisions over HTTP: the bytes that were decided on go up as they are, and what comes back is streamed
 * to the caller as it comes, hashed on the way.
 *
 * INVARIANT: of the upstream's header fields only the content type passes, and only one of two; an answer that is not a
 * plain success is not relayed, so that no challenge, cookie or page of the upstream reaches the caller.
 */
import type { ServerResponse } from 'node:http'
import type { Completion, Sent, Wire } from '@credence/guard'
import { type CredenceError, isCredenceError, unavailable } from '@credence/kit'
import type { EdgeResponse } from '@credence/kit/http'
import { HANDLED } from '@credence/kit/http'
import type { Dispatcher } from 'undici'
import type { HttpUpstream } from '../upstream/http.ts'
import type { Fields } from '../upstream/http-post.ts'
import { createResultDigest, type ResultDigest } from './digest.ts'
import { MAX_REFUSAL, mayRefuse, upstreamRefusal } from './upstream-refusal.ts'

const JSON_TYPE = 'application/json'
const EVENTS = 'text/event-stream'

const passedType = (type: string): string | undefined => {
  const media = type.split(';', 1)[0]?.trim().toLowerCase()
  return media === JSON_TYPE || media === EVENTS ? media : undefined
}

const unreachable = (cause: unknown): CredenceError =>
  unavailable('upstream_unreachable', 'The server behind the gateway does not answer.', {
    status: 502,
    cause,
    detail: String(cause),
  })

const notRelayed = (status: number, type: string): CredenceError =>
  unavailable('upstream_answer', 'The server behind the gateway sent no valid answer.', {
    status: 502,
    detail: `status ${status}, ${type.slice(0, 100)}`,
  })

const headerOf = (headers: unknown, name: string): string => {
  const value = (headers as Record<string, string | string[] | undefined>)[name]
  return typeof value === 'string' ? value : ''
}

interface Refusing {
  readonly status: number
  size: number
  readonly pieces: Buffer[]
}

/** Whether there is still room for it. */
const collect = (refusing: Refusing, piece: Buffer): boolean => {
  refusing.size += piece.length
  refusing.pieces.push(piece)
  return refusing.size <= MAX_REFUSAL
}

const headersOf = (passed: string): Record<string, string> => ({
  'content-type': passed,
  'cache-control': 'no-store',
  ...(passed === EVENTS ? { 'x-accel-buffering': 'no' } : {}),
})

/** A call ends with its caller, and at the latest with its time, however slowly bytes keep coming. */
const tieToCaller = (response: ServerResponse, controller: Dispatcher.DispatchController, timeoutMs: number): void => {
  const left = (): void => controller.abort(unavailable('caller_left', 'The caller went away.'))
  // NOTE: who is gone already closes no second time.
  if (response.destroyed) {
    left()
    return
  }
  const late = setTimeout(
    () =>
      controller.abort(
        unavailable('upstream_timeout', 'The server behind the gateway did not answer in time.', { status: 504 }),
      ),
    timeoutMs,
  )
  response.once('close', () => {
    clearTimeout(late)
    if (!response.writableFinished) left()
  })
  response.on('drain', () => controller.resume())
}

/** Joins the upstream's answer to ours: pauses it while our caller reads slowly, cuts it when our caller is gone. */
const relay = (
  response: ServerResponse,
  begun: (sent: Sent<EdgeResponse>) => void,
  failed: (error: CredenceError) => void,
  timeoutMs: number,
): Dispatcher.DispatchHandler => {
  let digest: ResultDigest | undefined
  let complete: (completion: Completion) => void = () => {}
  let refusing: Refusing | undefined
  return {
    onRequestStart: (controller) => tieToCaller(response, controller, timeoutMs),
    onResponseStart: (controller, status, headers) => {
      const type = headerOf(headers, 'content-type')
      const passed = passedType(type)
      if (mayRefuse(status) && passed === JSON_TYPE) {
        refusing = { status, size: 0, pieces: [] }
        return
      }
      if (status !== 200 || passed === undefined) {
        const error = notRelayed(status, type)
        failed(error)
        controller.abort(error)
        return
      }
      digest = createResultDigest(passed === EVENTS)
      response.writeHead(200, headersOf(passed))
      const ending = Promise.withResolvers<Completion>()
      complete = ending.resolve
      begun({ value: HANDLED, completion: ending.promise })
    },
    onResponseData: (controller, piece) => {
      if (refusing !== undefined) {
        if (!collect(refusing, piece)) controller.abort(notRelayed(refusing.status, 'too large'))
        return
      }
      try {
        digest?.update(piece)
      } catch (error) {
        controller.abort(unreachable(error))
        return
      }
      if (!response.write(piece)) controller.pause()
    },
    onResponseEnd: () => {
      if (refusing !== undefined) {
        const sent = upstreamRefusal(refusing.status, Buffer.concat(refusing.pieces))
        return sent === undefined ? failed(notRelayed(refusing.status, 'no error of JSON-RPC')) : begun(sent)
      }
      response.end()
      if (digest !== undefined) complete(digest.end(true))
    },
    onResponseError: (_controller, error) => {
      if (digest === undefined) return failed(isCredenceError(error) ? error : unreachable(error))
      complete(digest.end(false))
      response.destroy()
    },
  }
}

export const forward = (
  upstream: HttpUpstream,
  wire: Wire,
  fields: Fields,
  response: ServerResponse,
  timeoutMs: number,
): Promise<Sent<EdgeResponse>> =>
  new Promise((resolve, reject) => upstream.forward(wire, fields, relay(response, resolve, reject, timeoutMs)))
