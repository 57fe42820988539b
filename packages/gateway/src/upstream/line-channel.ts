/**
 * JSON-RPC over the standard streams of a child: one message a line (MCP, stdio transport).
 *
 * INVARIANT: every request gets an id of ours, unique in this process, so that answers to concurrent callers of one
 * child are never mixed; the caller's own id never reaches the child.
 */
import type { Readable, Writable } from 'node:stream'
import { unavailable } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import { isObject, type JsonObject, type UpstreamAnswer, type UpstreamCall } from './upstream.ts'

const MAX_LINE = 16 * 1024 * 1024
const MAX_PENDING = 4096
/** What may wait for a child that does not read. */
const MAX_UNREAD = 16 * 1024 * 1024
const NEWLINE = 0x0a

interface Pending {
  readonly settle: (answer: UpstreamAnswer) => void
  readonly fail: (error: Error) => void
  readonly call: UpstreamCall
}

export interface LineChannel {
  call(call: UpstreamCall): Promise<UpstreamAnswer>
  notify(method: string, params: JsonObject): void
  /** Fails everything that waits. */
  end(reason: string): void
}

const gone = (detail: string) =>
  unavailable('upstream_gone', 'The server behind the gateway stopped.', { detail, status: 502 })

/** Every line of a stream, of at most 16 MiB. Answers with how to forget what has come of the next one. */
const eachLine = (output: Readable, receive: (line: Buffer) => void, tooLong: () => void): (() => void) => {
  let parts: Buffer[] = []
  let held = 0
  output.on('data', (chunk: Buffer) => {
    let rest = chunk
    for (let at = rest.indexOf(NEWLINE); at !== -1; at = rest.indexOf(NEWLINE)) {
      const end = rest.subarray(0, at)
      receive(parts.length === 0 ? end : Buffer.concat([...parts, end]))
      parts = []
      held = 0
      rest = rest.subarray(at + 1)
    }
    if (rest.length === 0) return
    parts.push(rest)
    held += rest.length
    if (held > MAX_LINE) tooLong()
  })
  return () => {
    parts = []
  }
}

const messageOf = (line: Buffer): JsonObject | undefined => {
  if (line.length === 0) return undefined
  try {
    const message = parseStrict(line, { maxBytes: MAX_LINE })
    return isObject(message) ? message : undefined
  } catch {
    return undefined
  }
}

type Sending = (message: JsonObject) => void

/** Waits under `id` until the answer comes, the channel ends, or the caller goes away: then the child is told. */
const answerTo = (id: number, asked: UpstreamCall, pending: Map<number, Pending>, send: Sending) =>
  new Promise<UpstreamAnswer>((settle, fail) => {
    const cancel = (): void => {
      if (!pending.delete(id)) return
      const params = { requestId: id, reason: 'the caller went away' }
      send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      fail(unavailable('upstream_timeout', 'The server behind the gateway did not answer in time.', { status: 504 }))
    }
    asked.signal.addEventListener('abort', cancel, { once: true })
    const done = (): void => asked.signal.removeEventListener('abort', cancel)
    pending.set(id, {
      call: asked,
      settle: (answer) => {
        done()
        settle(answer)
      },
      fail: (error) => {
        done()
        fail(error)
      },
    })
  })

/** `onEnd` is told once, when the channel is of no use any more. */
export const createLineChannel = (input: Writable, output: Readable, onEnd: () => void = () => {}): LineChannel => {
  const pending = new Map<number, Pending>()
  let nextId = 1
  let ended: string | undefined

  const end = (reason: string): void => {
    if (ended !== undefined) return
    ended = reason
    forget()
    output.destroy()
    for (const [, waiting] of pending) waiting.fail(gone(reason))
    pending.clear()
    onEnd()
  }

  const full = (): boolean => input.writableLength > MAX_UNREAD

  /** What one turn of the loop brings goes out as one write: calls come in groups, as their intents became durable. */
  const send = (message: JsonObject): void => {
    if (ended !== undefined || full()) return
    if (input.writableCorked === 0) {
      input.cork()
      process.nextTick(() => input.uncork())
    }
    input.write(`${JSON.stringify(message)}\n`)
  }

  const receive = (line: Buffer): void => {
    const message = ended === undefined ? messageOf(line) : undefined
    if (message !== undefined) dispatch(message, pending, send)
  }

  const forget = eachLine(output, receive, () => end('a line of the server is longer than 16 MiB'))
  output.on('close', () => end('standard output closed'))
  output.on('error', (error) => end(error.message))
  input.on('error', (error) => end(error.message))

  const call = async (asked: UpstreamCall): Promise<UpstreamAnswer> => {
    if (ended !== undefined) throw gone(ended)
    if (pending.size >= MAX_PENDING || full())
      throw unavailable('upstream_busy', 'The server behind the gateway has too many calls open.')
    if (asked.signal.aborted) throw unavailable('upstream_timeout', 'The call was given up.', { status: 504 })
    const id = nextId++
    const answer = answerTo(id, asked, pending, send)
    send({ jsonrpc: '2.0', id, method: asked.method, params: withProgressToken(asked.params, id) })
    return answer
  }

  return { call, end, notify: (method, params) => send({ jsonrpc: '2.0', method, params }) }
}

/** The caller's progress token is replaced by our id: tokens of two callers must not meet in one child. */
const withProgressToken = (params: JsonObject, id: number): JsonObject => {
  const meta = params._meta
  if (!isObject(meta) || meta.progressToken === undefined) return params
  return { ...params, _meta: { ...meta, progressToken: id } }
}

const callerProgressToken = (call: UpstreamCall): JsonObject => {
  const meta = call.params._meta
  return isObject(meta) && meta.progressToken !== undefined ? { progressToken: meta.progressToken } : {}
}

/**
 * An answer goes to the call that it names; progress to the call whose token it carries. A log message names no call, and
 * the only one in flight need not be the one it speaks of, so nobody gets it. A request from the child is refused: we declared
 * no client capability.
 */
const dispatch = (message: JsonObject, pending: Map<number, Pending>, send: Sending): void => {
  const { id, method } = message
  if (typeof method === 'string') {
    if (id !== undefined) {
      send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'not supported by this client' } })
      return
    }
    const params = isObject(message.params) ? message.params : {}
    if (method === 'notifications/progress' && typeof params.progressToken === 'number') {
      const waiting = pending.get(params.progressToken)
      waiting?.call.onNotification(method, { ...params, ...callerProgressToken(waiting.call) })
    }
    return
  }
  if (typeof id !== 'number') return
  const waiting = pending.get(id)
  if (waiting === undefined) return
  const answer = answerOf(message)
  pending.delete(id)
  waiting.settle(answer)
}

/** A message with both or neither of result and error is not an answer; it is reported as an error of the server. */
export const answerOf = (message: JsonObject): UpstreamAnswer => {
  const { result, error } = message
  if (isObject(result) && error === undefined) return { result }
  if (isObject(error) && result === undefined && Number.isSafeInteger(error.code)) {
    const text = typeof error.message === 'string' ? error.message : 'error'
    return {
      error: { code: error.code as number, message: text, ...(error.data === undefined ? {} : { data: error.data }) },
    }
  }
  return { error: { code: -32603, message: 'The server behind the gateway sent no valid answer.' } }
}
