/**
 * What stands before the library. It reflects Host, believes forwarding headers, folds case and trailing slashes and is
 * lenient in decoding; so it sees only exact paths, rebuilt headers and parameters that were parsed once, strictly, and
 * printed again.
 */
import { IncomingMessage } from 'node:http'
import { refused } from '@credence/kit'

export type FrontEndpoint = 'authorize' | 'resume' | 'par'

const RESUME = /^\/authorize\/([A-Za-z0-9_-]{20,64})$/
const MAX_QUERY = 16_384
export const MAX_PAR_BODY = 65_536

export interface Target {
  readonly endpoint: FrontEndpoint
  readonly method: 'GET' | 'POST'
  readonly query: string
  /** The interaction's id, of a resume. */
  readonly uid?: string
}

/** INVARIANT: an exact allow-list of paths. Undefined: not for the front, whatever the library would make of it. */
export const targetOf = (url: string): Target | undefined => {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = mark === -1 ? '' : url.slice(mark + 1)
  if (path === '/authorize') return { endpoint: 'authorize', method: 'GET', query }
  if (path === '/par') return { endpoint: 'par', method: 'POST', query }
  const uid = RESUME.exec(path)?.[1]
  return uid === undefined ? undefined : { endpoint: 'resume', method: 'GET', query, uid }
}

const invalid = (code: string, message: string) => refused(code, message, { status: 400, standard: 'invalid_request' })

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid('parameter_malformed', 'A parameter is not well-formed UTF-8 in form encoding.')
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * RFC 6749 section 3.1: parameters must not be included more than once. Also `resource` here: a token has one audience.
 * INVARIANT: what the library reads is printed from this map, so that no two parsers can differ.
 */
export const parseParameters = (text: string): Map<string, string> => {
  const parameters = new Map<string, string>()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const mark = pair.indexOf('=')
    const name = decode(mark === -1 ? pair : pair.slice(0, mark))
    const value = decode(mark === -1 ? '' : pair.slice(mark + 1))
    if (parameters.has(name)) throw invalid('parameter_repeated', 'A parameter was sent more than once.')
    if (CONTROL.test(name) || CONTROL.test(value))
      throw invalid('parameter_malformed', 'A parameter holds control characters.')
    parameters.set(name, value)
  }
  return parameters
}

/** OAuth 2.1 knows one way to answer here; others carry codes through places that log or leak them. */
const onlyQueryMode = (parameters: ReadonlyMap<string, string>): void => {
  const mode = parameters.get('response_mode')
  if (mode !== undefined && mode !== 'query') {
    throw refused('response_mode_unsupported', 'Only the response mode "query" is supported.', {
      status: 400,
      standard: 'unsupported_response_mode',
    })
  }
}

/**
 * A person is asked every time, so `prompt=consent` is true of every request; saying so keeps the library from
 * dropping `offline_access`.
 */
const consentIsAlwaysAsked = (parameters: Map<string, string>): void => {
  if (!parameters.has('prompt') && !parameters.has('request_uri') && parameters.has('response_type')) {
    parameters.set('prompt', 'consent')
  }
}

export const canonicalQuery = (query: string): string => {
  if (query.length > MAX_QUERY)
    throw refused('request_too_long', 'The request is too long; push it to /par.', { status: 414 })
  const parameters = parseParameters(query)
  onlyQueryMode(parameters)
  consentIsAlwaysAsked(parameters)
  return print(parameters)
}

export const print = (parameters: ReadonlyMap<string, string>): string =>
  new URLSearchParams([...parameters]).toString()

const FORM = /^application\/x-www-form-urlencoded(?:\s*;\s*charset=utf-8)?$/i

/** RFC 9126 section 2.1: a form, and no `request_uri` in it. */
export const parsePushed = (contentType: string | undefined, body: Uint8Array): Map<string, string> => {
  if (contentType === undefined || !FORM.test(contentType)) {
    throw invalid('content_type_wrong', 'The body must be application/x-www-form-urlencoded.')
  }
  const parameters = parseParameters(new TextDecoder('utf-8', { fatal: false }).decode(body))
  if (parameters.has('request_uri'))
    throw invalid('request_uri_in_par', 'request_uri has no place in a pushed request.')
  onlyQueryMode(parameters)
  consentIsAlwaysAsked(parameters)
  return parameters
}

export const readBody = async (req: IncomingMessage, limit: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of req) {
    size += (chunk as Uint8Array).length
    if (size > limit)
      throw refused('body_too_large', 'The request is too large.', { status: 413, standard: 'invalid_request' })
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks)
}

/** Names of the cookies that the library may see. */
const LIBRARY_COOKIE = /^credence_(?:interaction|resume)(?:\.sig)?=/

const libraryCookies = (cookie: string | undefined): string =>
  (cookie ?? '')
    .split(/;\s*/)
    .filter((one) => LIBRARY_COOKIE.test(one))
    .join('; ')

/** Header fields that the library needs, and the rest rebuilt from the configured issuer. */
const rebuiltHeaders = (req: IncomingMessage, issuer: URL, proofChecked: boolean): Record<string, string> => {
  const headers: Record<string, string> = {
    host: issuer.host,
    'x-forwarded-host': issuer.host,
    'x-forwarded-proto': issuer.protocol.slice(0, -1),
  }
  const cookie = libraryCookies(req.headers.cookie)
  if (cookie !== '') headers.cookie = cookie
  for (const name of proofChecked ? (['accept', 'user-agent'] as const) : (['accept', 'user-agent', 'dpop'] as const)) {
    const value = req.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

/** The values of every DPoP field, as they were sent. */
export const proofsOf = (req: IncomingMessage): string[] =>
  req.rawHeaders.flatMap((name, at) =>
    at % 2 === 0 && name.toLowerCase() === 'dpop' ? [req.rawHeaders[at + 1] ?? ''] : [],
  )

/** RFC 9449 section 4.3 (1): not more than one DPoP field. */
const oneProof = (req: IncomingMessage): void => {
  if (proofsOf(req).length > 1) {
    throw refused('proof_repeated', 'The DPoP header was sent more than once.', {
      status: 400,
      standard: 'invalid_dpop_proof',
    })
  }
}

export interface RebuiltRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly body?: string
  /** The proof was checked and turned into `dpop_jkt`: the library, which does not know our nonces, does not see it. */
  readonly proofChecked?: boolean
}

/** A new request on the same socket that holds only what was rebuilt. */
export const rebuiltRequest = (original: IncomingMessage, issuer: URL, wanted: RebuiltRequest): IncomingMessage => {
  oneProof(original)
  const request = new IncomingMessage(original.socket)
  const headers = rebuiltHeaders(original, issuer, wanted.proofChecked === true)
  if (wanted.body !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded'
    headers['content-length'] = String(Buffer.byteLength(wanted.body))
  }
  request.method = wanted.method
  request.url = wanted.url
  request.headers = headers
  request.rawHeaders = Object.entries(headers).flat()
  request.httpVersion = '1.1'
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  // NOTE: complete before the push; otherwise the end of this stream would destroy the socket.
  request.complete = true
  if (wanted.body !== undefined) request.push(wanted.body)
  request.push(null)
  return request
}
