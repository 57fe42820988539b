/** One look over a JSON text without parsing it: what must be known before JSON.parse may see it. */
import { jsonRefused } from './errors.ts'
import { survivesRoundTrip } from './number.ts'

export interface Scan {
  /** Colons outside strings: the members that the text has, repeated ones included. */
  readonly members: number
  /** An escape inside a member's name. */
  readonly escapedName: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
/** 0-9 + - . E e */
const isNumeric = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x45 || code === 0x65

/** Index of the quote that ends the string which starts at `from`, or the text's length. */
const endOfString = (text: string, from: number, escapes: boolean): number => {
  let end = text.indexOf('"', from + 1)
  while (escapes && end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end === -1 ? text.length : end
}

/** Behind an odd number of backslashes. The quote before the string ends the way back. */
const isEscaped = (text: string, at: number): boolean => {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1
  return (at - first) % 2 === 1
}

const isName = (text: string, after: number): boolean => {
  let at = after
  while (isSpace(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === COLON
}

/** Index after the number that starts at `from`; refuses what a double does not keep. */
const passNumber = (text: string, from: number): number => {
  let at = from + 1
  while (isNumeric(text.charCodeAt(at))) at += 1
  const short = at - from < 16 && text.charCodeAt(from) !== 0x2d
  const plain = short && !/[eE]/.test(text.slice(from, at))
  if (!plain && !survivesRoundTrip(text.slice(from, at))) throw jsonRefused('json_number', text.slice(from, at))
  return at
}

export const scan = (text: string, maxDepth: number): Scan => {
  const escapes = text.includes('\\')
  let members = 0
  let depth = 0
  let escapedName = false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at, escapes)
      if (escapes && !escapedName && isName(text, end + 1)) escapedName = text.slice(at, end).includes('\\')
      at = end
    } else if (code === COLON) members += 1
    else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth > maxDepth) throw jsonRefused('json_too_deep')
    } else if (code === 0x7d || code === 0x5d) depth -= 1
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) at = passNumber(text, at) - 1
  }
  return { members, escapedName }
}
