/**
 * Parameters of a query or a form.
 *
 * INVARIANT: a repeated parameter is never silently the first or the last of its values (RFC 6749 section 3.1).
 */
import { refused } from '../errors.ts'

const repeated = (name: string) =>
  refused('parameter_repeated', `The parameter "${name}" may be sent only once.`, {
    status: 400,
    standard: 'invalid_request',
  })

export class Params {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(pairs: Iterable<readonly [string, string]>) {
    const values = new Map<string, string[]>()
    for (const [name, value] of pairs) {
      const known = values.get(name)
      if (known === undefined) values.set(name, [value])
      else known.push(value)
    }
    this.#values = values
  }

  /** The one value, or undefined. Refused when it was sent twice. */
  get(name: string): string | undefined {
    const values = this.#values.get(name)
    if (values !== undefined && values.length > 1) throw repeated(name)
    return values?.[0]
  }

  /** The one value. Refused when it is missing, empty or was sent twice. */
  require(name: string): string {
    const value = this.get(name)
    if (value === undefined || value === '') {
      throw refused('parameter_missing', `The parameter "${name}" is missing.`, {
        status: 400,
        standard: 'invalid_request',
      })
    }
    return value
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  names(): string[] {
    return [...this.#values.keys()]
  }

  /** Refuses every repetition except of the named ones. */
  refuseRepeated(repeatable: readonly string[] = []): this {
    for (const [name, values] of this.#values) {
      if (values.length > 1 && !repeatable.includes(name)) throw repeated(name)
    }
    return this
  }

  /** As an object without prototype; refused when anything is repeated. */
  toObject(): Record<string, string> {
    const object: Record<string, string> = Object.create(null)
    for (const name of this.#values.keys()) object[name] = this.get(name) as string
    return object
  }
}
