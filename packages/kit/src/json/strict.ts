/**
 * The one parser for JSON from outside: one text has one reading, or none.
 *
 * NOTE: JSON.parse of Node 24 and 26 can be poisoned: after anybody has parsed a member whose name spells a backslash
 * and `u006d`, another text's escaped name `\u006dethod` is read as a wrong name (nodejs/node#63785). Therefore a text
 * with an escape inside any name never reaches JSON.parse, and what JSON.parse returns is checked: it must have as many
 * members as the text has colons, which also finds repeated names.
 */
import { isUtf8 } from 'node:buffer'
import { jsonRefused } from './errors.ts'
import { parseByOwnRules } from './own-parser.ts'
import { scan } from './scan.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type JsonObject = { readonly [key: string]: JsonValue }

export interface StrictLimits {
  /** Bytes of UTF-8; default 1 MiB. */
  readonly maxBytes?: number
  /** Nesting of arrays and objects; default 64, never above 512. */
  readonly maxDepth?: number
  /** Members of all objects together; default 100,000. */
  readonly maxKeys?: number
  /** Is U+0000 allowed inside strings? Default no. */
  readonly allowNul?: boolean
}

const DEFAULTS = { maxBytes: 1_048_576, maxDepth: 64, maxKeys: 100_000, allowNul: false }
const DEEPEST = 512

const decode = (input: Uint8Array | string, maxBytes: number): string => {
  const long =
    typeof input === 'string' ? input.length > maxBytes || Buffer.byteLength(input) > maxBytes : input.length > maxBytes
  if (long) throw jsonRefused('json_too_long')
  if (typeof input === 'string') {
    if (!input.isWellFormed()) throw jsonRefused('json_surrogate')
    return input
  }
  if (!isUtf8(input)) throw jsonRefused('json_encoding')
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('utf8')
}

interface StringRules {
  readonly surrogates: boolean
  readonly nul: boolean
}

const checkString = (text: string, rules: StringRules): void => {
  if (rules.surrogates && !text.isWellFormed()) throw jsonRefused('json_surrogate')
  if (rules.nul && text.includes('\u0000')) throw jsonRefused('json_nul')
}

/**
 * Members of the whole value; refuses what the rules say about names and strings.
 * NOTE: `for in` is the fastest walk there is. It would also see members that somebody gave to every object: then the count
 * is wrong and the text is refused.
 */
const inspect = (value: JsonValue, rules: StringRules | undefined): number => {
  if (typeof value === 'string' && rules !== undefined) checkString(value, rules)
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) members += inspectInner(value[at] as JsonValue, rules)
    return members
  }
  for (const name in value) {
    if (rules !== undefined) checkString(name, rules)
    if (name === '__proto__') throw jsonRefused('json_key_forbidden')
    members += 1 + inspectInner((value as JsonObject)[name] as JsonValue, rules)
  }
  return members
}

/** Most values are no objects and, without rules, need no look. */
const inspectInner = (value: JsonValue, rules: StringRules | undefined): number =>
  typeof value === 'object' || rules !== undefined ? inspect(value, rules) : 0

const parseByEngine = (text: string): JsonValue => {
  try {
    return JSON.parse(text)
  } catch {
    throw jsonRefused('json_invalid')
  }
}

/** Throws `refused` (400, or 413 when too long) with a code `json_…`. */
export const parseStrict = (input: Uint8Array | string, limits: StrictLimits = {}): JsonValue => {
  const { maxBytes, maxDepth, maxKeys, allowNul } = { ...DEFAULTS, ...limits }
  const depth = Math.min(maxDepth, DEEPEST)
  const text = decode(input, maxBytes)
  if (text.charCodeAt(0) === 0xfeff) throw jsonRefused('json_bom')
  const { members, escapedName } = scan(text, depth)
  if (members > maxKeys) throw jsonRefused('json_too_many_keys')
  const value = escapedName ? parseByOwnRules(text, depth) : parseByEngine(text)
  // NOTE: only an escape can put half a pair or U+0000 into a string of well-formed text.
  const escaped = text.includes('\\u')
  const rules = escaped ? { surrogates: true, nul: !allowNul } : undefined
  if (inspect(value, rules) !== members) throw jsonRefused('json_key_repeated')
  return value
}
