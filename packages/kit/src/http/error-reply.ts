/** An error as the caller may see it, in the form of its route. INVARIANT: `detail` and stacks never leave. */
import type { CredenceError } from '../errors.ts'
import { html, pageHeaders } from '../html.ts'
import { replyHtml, replyText } from './reply.ts'
import type { EdgeResponse, ErrorFormat } from './types.ts'

export interface ErrorPageFacts {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly requestId: string
}
export type ErrorPage = (error: ErrorPageFacts) => string

const TITLES: Readonly<Record<string, string>> = {
  refused: 'Refused',
  unavailable: 'Temporarily unavailable',
  bug: 'Internal error',
}

/** RFC 9457 section 3 */
const problem = (error: CredenceError, requestId: string): EdgeResponse => ({
  status: error.status,
  headers: { 'content-type': 'application/problem+json', ...error.headers },
  body: JSON.stringify({
    type: `urn:credence:problem:${error.code}`,
    title: TITLES[error.kind],
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.standard === undefined ? {} : { error: error.standard }),
    request_id: requestId,
  }),
})

const OAUTH_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'invalid_client',
  403: 'access_denied',
  429: 'temporarily_unavailable',
  500: 'server_error',
  503: 'temporarily_unavailable',
}

/** RFC 6749 section 5.2: `error_description` has neither quote nor backslash nor anything beyond ASCII. */
const oauth = (error: CredenceError): EdgeResponse => ({
  status: error.status,
  headers: { 'content-type': 'application/json', ...error.headers },
  body: JSON.stringify({
    error: error.standard ?? OAUTH_BY_STATUS[error.status] ?? 'invalid_request',
    error_description: error.message.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?'),
  }),
})

const plainPage: ErrorPage = ({ status, message, code, requestId }) =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Error ${status}</title></head>
<body><main><h1>That did not work</h1><p>${message}</p><p>Code: ${code}. Request: ${requestId}.</p></main></body></html>`.toString()

const page = (error: CredenceError, requestId: string, write: ErrorPage): EdgeResponse => {
  const { status, code, message } = error
  return replyHtml(write({ status, code, message, requestId }), {
    status,
    headers: { ...pageHeaders(), ...error.headers },
  })
}

export const errorReply = (
  error: CredenceError,
  format: ErrorFormat,
  requestId: string,
  errorPage: ErrorPage = plainPage,
): EdgeResponse => {
  if (format === 'oauth') return oauth(error)
  if (format === 'text') return replyText(error.message, { status: error.status, headers: { ...error.headers } })
  return format === 'html' ? page(error, requestId, errorPage) : problem(error, requestId)
}
