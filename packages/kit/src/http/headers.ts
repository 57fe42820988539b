import { refused } from '../errors.ts'
import type { EdgeHeaders } from './types.ts'

const NONE: readonly string[] = []

/** Reads `rawHeaders` of node:http, where nothing is joined or dropped. */
export class RawHeaders implements EdgeHeaders {
  readonly #raw: readonly string[]

  constructor(raw: readonly string[]) {
    this.#raw = raw
  }

  all(name: string): readonly string[] {
    const wanted = name.toLowerCase()
    let values: string[] | undefined
    for (let at = 0; at < this.#raw.length; at += 2) {
      const field = this.#raw[at] as string
      if (field.length !== wanted.length || field.toLowerCase() !== wanted) continue
      values ??= []
      values.push(this.#raw[at + 1] as string)
    }
    return values ?? NONE
  }

  get(name: string): string | undefined {
    const values = this.all(name)
    if (values.length > 1) {
      throw refused('header_repeated', `The header field "${name}" may be sent only once.`, {
        status: 400,
        standard: 'invalid_request',
      })
    }
    return values[0]
  }
}
