/** Reading `application/x-www-form-urlencoded` parameters (RFC 6749 section 3.2): each once, except those that may repeat. */
import { oauthRefused } from './errors.ts'

const MAXIMUM_FIELDS = 64

/** RFC 8707 section 2 and RFC 8693 section 2.1: only these may stand more than once. */
const REPEATABLE = new Set(['resource', 'audience'])

export interface FormParameters {
  /** Absent and empty are the same (RFC 6749 section 3.2: parameters without a value are treated as omitted). */
  get(name: string): string | undefined
  all(name: string): readonly string[]
}

/** > Request and response parameters MUST NOT be included more than once. (RFC 6749 section 3.2) */
export const formParameters = (pairs: Iterable<readonly [string, string]>): FormParameters => {
  const values = new Map<string, string[]>()
  let count = 0
  for (const [name, value] of pairs) {
    if (++count > MAXIMUM_FIELDS) throw oauthRefused('invalid_request', 'form_too_large', 'Too many parameters.')
    const seen = values.get(name)
    if (seen !== undefined && !REPEATABLE.has(name)) {
      throw oauthRefused('invalid_request', 'parameter_repeated', 'A parameter is repeated.')
    }
    if (value === '') values.set(name, seen ?? [])
    else if (seen === undefined) values.set(name, [value])
    else seen.push(value)
  }
  return { get: (name) => values.get(name)?.[0], all: (name) => values.get(name) ?? [] }
}
