/** Answers, each one function. */
import type { EdgeResponse } from './types.ts'

type Fields = Readonly<Record<string, string | readonly string[]>>
interface ReplyOptions {
  readonly status?: number
  readonly headers?: Fields
}

/** INVARIANT: a handler that answers through `raw.res` returns exactly this value. */
export const HANDLED: EdgeResponse = Object.freeze({ status: 0 })

const withType = (type: string, body: string | Uint8Array, options: ReplyOptions = {}): EdgeResponse => ({
  status: options.status ?? 200,
  headers: { 'content-type': type, ...options.headers },
  body,
})

export const replyJson = (value: unknown, options?: ReplyOptions): EdgeResponse =>
  withType('application/json', JSON.stringify(value), options)

export const replyText = (text: string, options?: ReplyOptions): EdgeResponse =>
  withType('text/plain; charset=utf-8', text, options)

export const replyHtml = (page: { toString(): string }, options?: ReplyOptions): EdgeResponse =>
  withType('text/html; charset=utf-8', page.toString(), options)

export const replyNothing = (options?: ReplyOptions): EdgeResponse => ({
  status: options?.status ?? 204,
  ...(options?.headers === undefined ? {} : { headers: options.headers }),
})

/** 303: the next request is a GET, whatever this one was. */
export const replyRedirect = (location: string, options?: ReplyOptions): EdgeResponse => ({
  status: options?.status ?? 303,
  headers: { location, ...options?.headers },
})
