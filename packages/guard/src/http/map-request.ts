/** The default reading of an HTTP request as an operation: method, path, query and body, all of it decided on. */
import { createHash } from 'node:crypto'
import { refused } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import type { JsonValue, ToolLabels } from '@credence/model'
import type { Mapping } from '../stages/operation.ts'

export interface HttpOperation {
  readonly method: string
  readonly target: string
  /** The body as the handler will see it; absent when there is none. */
  readonly body?: JsonValue
}

export type MapHttp = (request: HttpOperation) => Partial<Mapping> | Promise<Partial<Mapping>>

const MAXIMUM_TARGET = 8192

/** `http.get` of `/path` with `{ query, body }`. What `override` says comes from the owner of the resource. */
export const mapHttp = async (
  resource: string,
  request: HttpOperation,
  override: MapHttp | undefined,
): Promise<Mapping> => {
  if (request.target.length > MAXIMUM_TARGET) throw refused('target_too_long', 'The URL is too long.', { status: 414 })
  const [path = '', query = ''] = splitTarget(request.target)
  inNormalForm(path)
  return {
    resource,
    method: `http.${request.method.toLowerCase()}`,
    name: path,
    arguments: { query: readQuery(query), ...(request.body === undefined ? {} : { body: request.body }) },
    ...(await override?.(request)),
  }
}

const ambiguous = () =>
  refused('path_ambiguous', 'The path of the URL is not in its normal form.', {
    status: 400,
    standard: 'invalid_request',
  })

/** Escapes of letters, digits, `-`, `.`, `_` and `~` (RFC 3986 section 6.2.2.2), of controls and of the backslash. */
const NEEDLESS_ESCAPE = /%(?:4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef]|3[0-9]|2[de]|[01][0-9a-f])/i

/**
 * RFC 3986 section 6.2.2. INVARIANT: the path that was decided on is the path that the handler sees, whether it resolves
 * dots, decodes escapes or does neither.
 */
const inNormalForm = (path: string): void => {
  if (NEEDLESS_ESCAPE.test(path)) throw ambiguous()
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    throw ambiguous()
  }
  if (/\\|(?:^|\/)\.{1,2}(?:\/|$)/.test(decoded)) throw ambiguous()
}

const splitTarget = (target: string): readonly [string, string] => {
  const end = target.indexOf('?')
  return end < 0 ? [target, ''] : [target.slice(0, end), target.slice(end + 1)]
}

/** In order and with repetitions: two requests that differ are two operations. */
const readQuery = (query: string): JsonValue => [...new URLSearchParams(query)].map(([name, value]) => [name, value])

/** JSON is read strictly; every other body is decided on by its hash. */
export const readBody = (bytes: Uint8Array, contentType: string | undefined): JsonValue | undefined => {
  if (bytes.length === 0) return undefined
  return isJson(contentType) ? parseStrict(bytes) : hashOfBody(bytes)
}

export const isJson = (contentType: string | undefined): boolean =>
  /^application\/(?:[\w.-]+\+)?json(?:$|[\s;])/i.test(contentType ?? '')

const hashOfBody = (bytes: Uint8Array): JsonValue => ({
  sha256: createHash('sha256').update(bytes).digest('base64url'),
})

/** What a framework's own parser made of a body: the value itself where it is JSON-like, the hash where it is bytes. */
export const decidedValue = (parsed: unknown): { readonly body?: JsonValue } => {
  if (parsed === undefined || parsed === null) return {}
  return { body: parsed instanceof Uint8Array ? hashOfBody(parsed) : (parsed as JsonValue) }
}

export const READING: ToolLabels = Object.freeze({ effect: 'read', publicData: true })
