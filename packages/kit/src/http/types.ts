/** What the HTTP edge speaks: routes as plain data, one request, one response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { JsonValue, StrictLimits } from '../json/strict.ts'
import type { Params } from './params.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** `problem`: RFC 9457, for our own API. `oauth`: RFC 6749 section 5.2. `html`: a page for people. `text`: the message alone. */
export type ErrorFormat = 'problem' | 'oauth' | 'html' | 'text'

/**
 * A route without its handler, as the ratchets list it. Written as one object literal with literal values, so that it
 * can be listed without running anything.
 */
export interface RouteDescription<Name extends string = string> {
  readonly method: Method
  /** Exact, or with `:name` segments: `/v1/agents/:id`. */
  readonly path: string
  /** Stable and unique: `agent.create`. Tests of refused callers and of intents name it. */
  readonly name: Name
  /** Who may call: `public`, or a word of the package (`client`, `admin`, `person`, `node`). */
  readonly access: string
  /** Does it change anything or release anything? Then it opens an intent. */
  readonly consequential: boolean
  /** Default `problem`. */
  readonly errors?: ErrorFormat
  /** Bytes; default and ceiling are the server's limit. */
  readonly maxBody?: number
}

export type Handler = (request: EdgeRequest) => EdgeResponse | Promise<EdgeResponse>

export interface Route extends RouteDescription {
  readonly handler: Handler
}

export interface EdgeHeaders {
  /** The one value. Refused with 400 when the field was sent more than once. */
  get(name: string): string | undefined
  /** Every value as it was sent, in order: a second `DPoP` field is seen here. */
  all(name: string): readonly string[]
}

export interface FormOptions {
  /** Parameters that may be repeated (`resource`, `audience`). Any other repetition is refused. */
  readonly repeatable?: readonly string[]
}

export interface EdgeRequest {
  readonly method: Method
  /** As it was sent, without the query; never decoded. */
  readonly path: string
  /** Decoded `:name` segments. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Params
  readonly headers: EdgeHeaders
  /** The peer, or what a trusted proxy says. */
  readonly client: { readonly address: string; readonly secure: boolean }
  readonly route: RouteDescription
  /** Aborted when the caller goes away before the answer is complete. */
  readonly signal: AbortSignal
  /** For streaming and for foreign handlers. Whoever answers here returns `HANDLED`. */
  readonly raw: { readonly req: IncomingMessage; readonly res: ServerResponse }
  /** The whole body, bounded; read once, the same bytes on every call. */
  body(): Promise<Uint8Array>
  /** Content type must be JSON; text goes through the strict parser. */
  json(limits?: StrictLimits): Promise<JsonValue>
  /** Content type must be `application/x-www-form-urlencoded`. */
  form(options?: FormOptions): Promise<Params>
}

export interface EdgeResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array | string>
}

/**
 * A foreign handler for the paths below its prefixes (exact, or below `prefix/`). It answers by itself. Paths with
 * percent-encoding, dot segments or doubled slashes do not reach it.
 */
export interface Mount {
  readonly name: string
  readonly prefixes: readonly string[]
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void | Promise<void>
}
