/** What the record says of a result: its hash, and whether the tool itself said that it failed. Never the result. */
import { createHash, type Hash, hash } from 'node:crypto'
import type { Completion } from '@credence/guard'
import { parseStrict } from '@credence/kit/json'
import { createSseParser } from '@credence/kit/sse'
import { isObject, type JsonObject } from '../upstream/upstream.ts'

/** A longer answer is hashed all the same, but no longer read for its own verdict. */
const READ_BYTES = 1024 * 1024

/**
 * > A failing tool returns a normal JSON-RPC result with `isError`: how it went is told by the result, not by HTTP.
 * Only the message that is the answer counts.
 */
export const verdictOf = (message: JsonObject): Pick<Completion, 'status' | 'code'> | undefined => {
  if (isObject(message.error)) return { status: 'failed', code: `rpc_${String(message.error.code)}` }
  if (!isObject(message.result)) return undefined
  return message.result.isError === true ? { status: 'failed', code: 'tool_error' } : { status: 'done' }
}

const read = (text: string | Uint8Array): Pick<Completion, 'status' | 'code'> | undefined => {
  try {
    const message = parseStrict(text, { maxBytes: READ_BYTES })
    return isObject(message) ? verdictOf(message) : undefined
  } catch {
    return undefined
  }
}

export interface ResultDigest {
  update(piece: Buffer): void
  /** `complete`: the answer ended as it should. */
  end(complete: boolean): Completion
}

/** Follows an answer as it passes. */
export const createResultDigest = (events: boolean): ResultDigest => {
  let running: Hash | undefined
  const parser = events ? createSseParser() : undefined
  let first: Buffer = Buffer.alloc(0)
  let pieces: Buffer[] = []
  let size = 0
  let verdict: Pick<Completion, 'status' | 'code'> | undefined
  return {
    update: (piece) => {
      // NOTE: most answers are one piece, and one call of `hash` costs half of a hash object.
      if (size === 0) first = piece
      else {
        running ??= createHash('sha256').update(first)
        running.update(piece)
      }
      size += piece.length
      if (parser !== undefined) for (const text of parser.push(piece)) verdict = read(text) ?? verdict
      else if (size <= READ_BYTES) pieces.push(piece)
      else pieces = []
    },
    end: (complete) => {
      if (!complete) return { status: 'unknown', code: 'answer_cut' }
      const found =
        verdict ??
        (pieces.length > 0 ? read(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)) : undefined)
      return {
        ...(found ?? { status: 'unknown' as const, code: 'answer_unread' }),
        result: running?.digest('base64url') ?? hash('sha256', first, 'base64url'),
      }
    },
  }
}

export const digestOf = (text: string): string => hash('sha256', text, 'base64url')
