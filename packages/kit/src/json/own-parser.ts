/**
 * A plain parser of RFC 8259 with nothing of the engine's JSON.parse in it. It takes the rare texts that JSON.parse must
 * not be trusted with (see `strict.ts`), and is the yardstick of the tests.
 */
import { jsonRefused } from './errors.ts'
import { survivesRoundTrip } from './number.ts'
import type { JsonValue } from './strict.ts'

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const HEX4 = /[0-9a-fA-F]{4}/y
const SHORT: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Reader {
  #at = 0
  readonly #text: string
  readonly #maxDepth: number

  constructor(text: string, maxDepth: number) {
    this.#text = text
    this.#maxDepth = maxDepth
  }

  document(): JsonValue {
    const value = this.#value(0)
    this.#space()
    if (this.#at !== this.#text.length) throw jsonRefused('json_invalid', `more text at ${this.#at}`)
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  #need(expected: string): void {
    if (!this.#take(expected)) throw jsonRefused('json_invalid', `expected ${expected} at ${this.#at}`)
  }

  #value(depth: number): JsonValue {
    this.#space()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1)
      case '[':
        return this.#array(depth + 1)
      case '"':
        return this.#string()
      case 't':
        this.#need('true')
        return true
      case 'f':
        this.#need('false')
        return false
      case 'n':
        this.#need('null')
        return null
      default:
        return this.#number()
    }
  }

  #object(depth: number): JsonValue {
    if (depth > this.#maxDepth) throw jsonRefused('json_too_deep')
    const object: Record<string, JsonValue> = {}
    this.#need('{')
    this.#space()
    if (this.#take('}')) return object
    do {
      this.#space()
      const key = this.#string()
      if (key === '__proto__') throw jsonRefused('json_key_forbidden')
      if (Object.hasOwn(object, key)) throw jsonRefused('json_key_repeated', key)
      this.#space()
      this.#need(':')
      object[key] = this.#value(depth)
      this.#space()
    } while (this.#take(','))
    this.#need('}')
    return object
  }

  #array(depth: number): JsonValue {
    if (depth > this.#maxDepth) throw jsonRefused('json_too_deep')
    const array: JsonValue[] = []
    this.#need('[')
    this.#space()
    if (this.#take(']')) return array
    do {
      array.push(this.#value(depth))
      this.#space()
    } while (this.#take(','))
    this.#need(']')
    return array
  }

  #string(): string {
    this.#need('"')
    let text = ''
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined || character < ' ') throw jsonRefused('json_invalid', `string at ${this.#at}`)
      this.#at += 1
      if (character === '"') return text
      text += character === '\\' ? this.#escape() : character
    }
  }

  #escape(): string {
    const character = this.#text[this.#at] ?? ''
    this.#at += 1
    if (character !== 'u') {
      const short = Object.hasOwn(SHORT, character) ? SHORT[character] : undefined
      if (short === undefined) throw jsonRefused('json_invalid', `escape at ${this.#at}`)
      return short
    }
    HEX4.lastIndex = this.#at
    const hex = HEX4.exec(this.#text)
    if (hex === null) throw jsonRefused('json_invalid', `escape at ${this.#at}`)
    this.#at += 4
    return String.fromCharCode(Number.parseInt(hex[0], 16))
  }

  #number(): number {
    NUMBER.lastIndex = this.#at
    const token = NUMBER.exec(this.#text)
    if (token === null) throw jsonRefused('json_invalid', `value at ${this.#at}`)
    this.#at += token[0].length
    if (!survivesRoundTrip(token[0])) throw jsonRefused('json_number', token[0])
    return Number(token[0])
  }
}

/** Syntax, depth, repeated and forbidden names, numbers. What concerns the characters of strings is checked by the caller. */
export const parseByOwnRules = (text: string, maxDepth: number): JsonValue => new Reader(text, maxDepth).document()
