/** What comes back for one message over HTTP: texts of JSON-RPC messages, each judged before it is passed on. */
import { refused, unavailable } from '@credence/kit'
import { type JsonObject, parseStrict } from '@credence/kit/json'
import { readSse } from '@credence/kit/sse'
import type { RequestId } from '@credence/protocol/mcp'

const MAX_ANSWER = 16 * 1024 * 1024

export interface Incoming {
  readonly message: JsonObject
  /** As it came, on one line. */
  readonly line: string
  /** It ends the request; what does not is a notification or a request of the server. */
  readonly final: boolean
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readText = async (body: AsyncIterable<Uint8Array> | null): Promise<string> => {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body ?? []) {
    size += piece.length
    if (size > MAX_ANSWER) throw unavailable('answer_too_large', 'The answer of the gateway is too large.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** The message in a text; undefined when it holds none. */
const messageIn = (text: string): JsonObject | undefined => {
  try {
    const value = parseStrict(text, { maxBytes: MAX_ANSWER })
    return isObject(value) && value.jsonrpc === '2.0' ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * INVARIANT: what ends a request carries its id. An error that names no request is about this one, as there is no other
 * on its connection; an answer to another request is nobody's.
 */
const judge = (text: string, id: RequestId | undefined): Incoming => {
  const message = messageIn(text)
  if (message === undefined) throw unavailable('answer_malformed', 'The gateway sent no valid answer.')
  // NOTE: line breaks of a JSON text stand between its values and never in a string.
  const line = text.replace(/[\r\n]+/g, ' ')
  if (typeof message.method === 'string') return { message, line, final: false }
  if (message.id === id) return { message, line, final: true }
  if (message.error === undefined || (message.id !== undefined && message.id !== null))
    throw unavailable('answer_malformed', 'The gateway answered another request.')
  const mine = id === undefined ? message : { ...message, id }
  return { message: mine, line: JSON.stringify(mine), final: true }
}

const failed = ({ status }: Response) =>
  status === 401 || status === 403
    ? refused('gateway_refused', `The gateway refused the call (status ${status}).`)
    : unavailable('gateway_failed', `The gateway answered with status ${status}.`)

/** Ends with a final message, or throws; for a notification (no id) it may end without one. */
export async function* readAnswers(response: Response, id: RequestId | undefined): AsyncIterable<Incoming> {
  const type = response.headers.get('content-type') ?? ''
  if (response.ok && type.startsWith('text/event-stream') && response.body !== null) {
    for await (const text of readSse(response.body)) {
      if (text === '') continue
      const one = judge(text, id)
      yield one
      if (one.final) return
    }
  } else {
    const text = await readText(response.body)
    if (!response.ok && messageIn(text) === undefined) throw failed(response)
    if (text !== '') {
      const one = judge(text, id)
      yield one
      if (one.final) return
    }
  }
  if (id !== undefined) throw unavailable('answer_missing', 'The gateway ended without an answer.')
}
