/** Bodies: bounded, complete, of the announced type. */
import type { IncomingMessage } from 'node:http'
import { type CredenceError, refused } from '../errors.ts'

const tooLong = (): CredenceError =>
  refused('body_too_long', 'The body is too long.', { status: 413, standard: 'invalid_request' })

const cutOff = (): CredenceError =>
  refused('body_cut_off', 'The body ended too early.', { status: 400, standard: 'invalid_request' })

/** INVARIANT: never holds more than `limit` bytes and one chunk, whatever the length field says. */
export const readBody = (req: IncomingMessage, limit: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    if (Number(req.headers['content-length'] ?? 0) > limit) return reject(tooLong())
    if (req.destroyed && !req.readableEnded) return reject(cutOff())
    const chunks: Buffer[] = []
    let length = 0
    const stop = (error: CredenceError): void => {
      req.removeAllListeners('data')
      req.pause()
      reject(error)
    }
    req.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) stop(tooLong())
      else chunks.push(chunk)
    })
    req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    req.on('error', () => stop(cutOff()))
    req.on('close', () => {
      // NOTE: every request closes; an error with its stack is made only for those that did not end.
      if (!req.readableEnded) reject(cutOff())
    })
  })

const TYPE = /^([A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+)[ \t]*(?:;[ \t]*charset="?([A-Za-z0-9_-]+)"?[ \t]*)?$/

/** The media type in lower case, or refused: only UTF-8, and no content coding. */
export const mediaTypeOf = (type: string | undefined, coding: string | undefined): string => {
  const parts = TYPE.exec(type ?? '')
  const charset = parts?.[2]?.toLowerCase() ?? 'utf-8'
  const plain = coding === undefined || coding.toLowerCase() === 'identity'
  if (parts?.[1] === undefined || charset !== 'utf-8' || !plain) throw wrongType()
  return parts[1].toLowerCase()
}

export const wrongType = (): CredenceError =>
  refused('media_type_unsupported', 'This content type is not accepted here.', {
    status: 415,
    standard: 'invalid_request',
  })
