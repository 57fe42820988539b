/** One request as handlers see it. Everything that costs is made when it is asked for. */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refused } from '../errors.ts'
import { type JsonValue, parseStrict, type StrictLimits } from '../json/strict.ts'
import { mediaTypeOf, readBody, wrongType } from './body.ts'
import type { ClientAddress } from './client-address.ts'
import { parseFormUrlencoded } from './form-urlencoded.ts'
import { RawHeaders } from './headers.ts'
import type { Params } from './params.ts'
import type { EdgeRequest, FormOptions, Method, Route } from './types.ts'

export interface RequestParts {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly route: Route
  readonly path: string
  readonly search: string
  readonly params: Readonly<Record<string, string>>
  readonly maxBody: number
  readonly clientOf: (req: IncomingMessage) => ClientAddress
}

export class NodeRequest implements EdgeRequest {
  readonly method: Method
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly route: Route
  readonly headers: RawHeaders
  readonly raw: { readonly req: IncomingMessage; readonly res: ServerResponse }
  readonly #parts: RequestParts
  #query: Params | undefined
  #body: Promise<Uint8Array> | undefined
  #abort: AbortController | undefined

  constructor(parts: RequestParts) {
    this.#parts = parts
    this.method = parts.route.method
    this.path = parts.path
    this.params = parts.params
    this.route = parts.route
    this.headers = new RawHeaders(parts.req.rawHeaders)
    this.raw = { req: parts.req, res: parts.res }
  }

  get query(): Params {
    this.#query ??= parseFormUrlencoded(this.#parts.search)
    return this.#query
  }

  get client(): ClientAddress {
    return this.#parts.clientOf(this.#parts.req)
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      const { res } = this.#parts
      if (res.destroyed && !res.writableFinished) abort.abort()
      res.once('close', () => {
        if (!res.writableFinished) abort.abort()
      })
      this.#abort = abort
    }
    return this.#abort.signal
  }

  body(): Promise<Uint8Array> {
    this.#body ??= readBody(this.#parts.req, Math.min(this.route.maxBody ?? Infinity, this.#parts.maxBody))
    return this.#body
  }

  #mediaType(): string {
    return mediaTypeOf(this.headers.get('content-type'), this.headers.get('content-encoding'))
  }

  async json(limits?: StrictLimits): Promise<JsonValue> {
    const type = this.#mediaType()
    if (type !== 'application/json' && !(type.startsWith('application/') && type.endsWith('+json'))) throw wrongType()
    return parseStrict(await this.body(), limits)
  }

  async form(options: FormOptions = {}): Promise<Params> {
    if (this.#mediaType() !== 'application/x-www-form-urlencoded') throw wrongType()
    const bytes = await this.body()
    if (!isUtf8(bytes)) {
      throw refused('parameters_invalid', 'The parameters are not valid UTF-8.', {
        status: 400,
        standard: 'invalid_request',
      })
    }
    return parseFormUrlencoded(Buffer.from(bytes).toString('utf8')).refuseRepeated(options.repeatable)
  }
}
