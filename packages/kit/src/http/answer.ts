/** Writes one answer to the wire. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { EdgeResponse } from './types.ts'

type Fields = Readonly<Record<string, string | readonly string[]>>

const isStream = (body: EdgeResponse['body']): body is AsyncIterable<Uint8Array | string> =>
  typeof body === 'object' && Symbol.asyncIterator in body

const setFields = (res: ServerResponse, fields: Fields): void => {
  for (const name of Object.keys(fields)) {
    const value = fields[name] as string | readonly string[]
    res.setHeader(name, typeof value === 'string' ? value : [...value])
  }
}

/** INVARIANT: a stream that fails half way ends with a cut connection, never with what looks like a complete answer. */
const stream = async (res: ServerResponse, body: AsyncIterable<Uint8Array | string>): Promise<void> => {
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  try {
    for await (const chunk of body) {
      if (res.destroyed) return
      if (!res.write(chunk)) await once(res, 'drain', { signal: gone.signal })
    }
    res.end()
  } catch (error) {
    res.destroy()
    if (!gone.signal.aborted) throw error
  }
}

/** The rest of a body that nobody read is not waited for: the connection ends with the answer. */
const closeIfUnread = (res: ServerResponse): void => {
  const { req } = res
  if (req.complete) return
  const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined
  if (hasBody) res.setHeader('connection', 'close')
}

export const answer = async (res: ServerResponse, reply: EdgeResponse, defaults: Fields): Promise<void> => {
  setFields(res, defaults)
  if (reply.headers !== undefined) setFields(res, reply.headers)
  closeIfUnread(res)
  res.statusCode = reply.status
  const { body } = reply
  if (isStream(body)) {
    if (res.req.method !== 'HEAD') return stream(res, body)
    res.end()
    return
  }
  const bytes = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (reply.status >= 200 && reply.status !== 204 && reply.status !== 304) res.setHeader('content-length', bytes)
  if (res.req.method === 'HEAD' || body === undefined) res.end()
  else res.end(body)
}
