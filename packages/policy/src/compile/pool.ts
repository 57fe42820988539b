/**
 * Equal expressions become one closure: policies of one set repeat each other, and what is shared stays in the
 * processor's cache. The pool is only a saving; an expression that is too long for it is compiled for itself.
 */

/** Longer keys cost more than they save. */
const LONGEST = 600

/** The JSON form of an expression as one text; undefined when it is too long. `budget` ends the walk early. */
const write = (value: unknown, parts: string[], budget: number): number => {
  if (budget < 0) return budget
  if (typeof value !== 'object' || value === null) {
    const text = JSON.stringify(value)
    parts.push(text)
    return budget - text.length
  }
  const entries = Object.entries(value)
  parts.push(Array.isArray(value) ? '[' : '{')
  let left = budget - 2
  for (const [name, inner] of entries) {
    const text = `${JSON.stringify(name)}:`
    parts.push(text)
    left = write(inner, parts, left - text.length)
    if (left < 0) return left
  }
  parts.push('}')
  return left
}

export const expressionKey = (expression: unknown): string | undefined => {
  const parts: string[] = []
  return write(expression, parts, LONGEST) < 0 ? undefined : parts.join('')
}

const MOST = 200_000

export class Pool<T> {
  readonly #made = new Map<string, T>()

  get(expression: unknown, make: () => T): T {
    const key = expressionKey(expression)
    if (key === undefined) return make()
    const known = this.#made.get(key)
    if (known !== undefined) return known
    const made = make()
    if (this.#made.size >= MOST) this.#made.clear()
    this.#made.set(key, made)
    return made
  }
}
