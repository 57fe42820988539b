import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
}

/** What node's parser refuses (bare LF, two lengths, folded fields, unknown methods, slow senders) ends here. */
export const answerBrokenRequest = (error: Error & { code?: string }, socket: Duplex): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = STATUS[error.code ?? ''] ?? 400
  const body = JSON.stringify({
    type: 'urn:credence:problem:http_invalid',
    title: 'Refused',
    status,
    detail: 'This is not a valid HTTP request.',
    code: 'http_invalid',
  })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
