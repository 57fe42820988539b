/** Where a value stands in a JSON text, so that a message can point at it. The text has been parsed strictly before. */
import { type Position, positionAt } from '../text/position.ts'

export type JsonPath = readonly (string | number)[]

const TOKEN = /\s*("(?:[^"\\]|\\[\s\S])*"|[{}[\],:]|[^\s{}[\],:"]+)/y

class Walk {
  readonly #text: string
  #at = 0
  constructor(text: string) {
    this.#text = text
  }

  next(): { readonly text: string; readonly start: number } {
    TOKEN.lastIndex = this.#at
    const match = TOKEN.exec(this.#text)
    if (match === null) return { text: '', start: this.#text.length }
    this.#at = TOKEN.lastIndex
    const [, text = ''] = match
    return { text, start: this.#at - text.length }
  }

  /** Past the rest of a value whose first token is `first`. */
  skip(first: string): void {
    let depth = first === '{' || first === '[' ? 1 : 0
    while (depth > 0) {
      const { text } = this.next()
      if (text === '') return
      if (text === '{' || text === '[') depth++
      if (text === '}' || text === ']') depth--
    }
  }

  /** Start of the member's or item's value; undefined: it is not there. `{` or `[` has been read. */
  find(name: string | number): { readonly text: string; readonly start: number } | undefined {
    for (let index = 0; ; index++) {
      let token = this.next()
      if (token.text === '}' || token.text === ']' || token.text === '') return undefined
      const key = typeof name === 'string' ? (JSON.parse(token.text) as string) : index
      if (typeof name === 'string') {
        this.next()
        token = this.next()
      }
      if (key === name) return token
      this.skip(token.text)
      if (this.next().text !== ',') return undefined
    }
  }
}

/** The deepest part of the path that is there. */
export const placeInJson = (text: string, path: JsonPath): Position => {
  const walk = new Walk(text)
  let found = walk.next()
  for (const name of path) {
    if (found.text !== (typeof name === 'string' ? '{' : '[')) break
    const next = walk.find(name)
    if (next === undefined) break
    found = next
  }
  return positionAt(text, found.start)
}
