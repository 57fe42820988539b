import { isCredenceError } from '@credence/kit'
import { parseStrict } from '@credence/kit/json'
import { type JoseCode, jwsRefused } from './errors.ts'

export type JsonObject = { readonly [member: string]: unknown }

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7515 section 4: member names are unique; a parser that takes the last duplicate is not good enough. */
export const parseJsonObject = (bytes: Uint8Array, code: JoseCode, what: string): JsonObject => {
  let value: unknown
  try {
    value = parseStrict(bytes)
  } catch (error) {
    throw jwsRefused(code, `The ${what} is not strict JSON.`, isCredenceError(error) ? error.message : String(error))
  }
  if (!isJsonObject(value)) throw jwsRefused(code, `The ${what} is not a JSON object.`)
  return value
}
