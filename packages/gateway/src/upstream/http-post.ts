/** One POST to an MCP server over HTTP, taken apart: JSON or events, until the answer has come. */
import { unavailable } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import { createSseParser } from '@credence/kit/sse'
import type { Dispatcher } from 'undici'
import { answerOf } from './line-channel.ts'
import { isObject, type JsonObject, type UpstreamAnswer, type UpstreamCall } from './upstream.ts'

const MAX_ANSWER = 16 * 1024 * 1024

export const ACCEPT = 'application/json, text/event-stream'

export type Fields = Readonly<Record<string, string>>

export interface Posted {
  readonly status: number
  readonly session: string | undefined
  readonly answer: UpstreamAnswer | undefined
}

/** What the server behind wrote badly is the server's fault, never the caller's. */
const parseMessage = (text: string | Uint8Array): JsonObject => {
  const invalid = (cause?: unknown) =>
    unavailable('upstream_answer', 'The server behind the gateway sent no valid answer.', { status: 502, cause })
  try {
    const message = parseStrict(text, { maxBytes: MAX_ANSWER })
    if (isObject(message)) return message
  } catch (cause) {
    throw invalid(cause)
  }
  throw invalid()
}

/** Statuses with which a message of JSON-RPC may come; with any other the body is nobody's answer. */
const SPEAKS: ReadonlySet<number> = new Set([200, 202, 400, 404])

/** Reads the body as one JSON object or as events, until the answer to our id has come. */
const readAnswer = async (
  body: AsyncIterable<Buffer>,
  type: string,
  onNotification: UpstreamCall['onNotification'],
): Promise<UpstreamAnswer | undefined> => {
  if (!type.startsWith('text/event-stream')) {
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of body) {
      size += piece.length
      if (size > MAX_ANSWER)
        throw unavailable('upstream_too_large', 'The answer of the server behind the gateway is too large.', {
          status: 502,
        })
      pieces.push(piece)
    }
    return size === 0 ? undefined : answerOf(parseMessage(Buffer.concat(pieces)))
  }
  const parser = createSseParser()
  for await (const piece of body) {
    for (const text of parser.push(piece)) {
      if (text === '') continue
      const message = parseMessage(text)
      if (typeof message.method !== 'string') return answerOf(message)
      if (message.id === undefined) onNotification(message.method, isObject(message.params) ? message.params : {})
    }
  }
  return undefined
}

export type Post = (
  message: JsonObject,
  fields: Fields,
  call: Pick<UpstreamCall, 'signal' | 'onNotification'>,
) => Promise<Posted>

/** INVARIANT: header fields are built from nothing but `fields`. */
export const createPost =
  (dispatcher: Dispatcher, url: URL): Post =>
  async (message, fields, call) => {
    const response = await dispatcher
      .request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: ACCEPT, ...fields },
        body: JSON.stringify(message),
        signal: call.signal,
      })
      .catch((cause: unknown) => {
        throw unavailable('upstream_unreachable', 'The server behind the gateway does not answer.', {
          status: 502,
          cause,
          detail: String(cause),
        })
      })
    const { statusCode: status } = response
    if (!SPEAKS.has(status)) {
      await response.body.dump({ limit: 0 }).catch(() => undefined)
      return { status, session: undefined, answer: undefined }
    }
    const type = String(response.headers['content-type'] ?? '')
    const answer = await readAnswer(response.body, type, call.onNotification).catch((cause: unknown) => {
      if (status >= 400) return undefined
      throw cause
    })
    const session = response.headers['mcp-session-id']
    return { status, session: typeof session === 'string' ? session : undefined, answer }
  }
