/** transports/streamable-http, Value Encoding. */
import { isUtf8 } from 'node:buffer'

const PREFIX = '=?base64?'
const SUFFIX = '?='
/** Visible ASCII, inner spaces and tabs, no space at either end. */
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/

const isSentinel = (value: string): boolean =>
  value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX)

export const encodeHeaderValue = (value: string): string =>
  value !== '' && PLAIN.test(value) && !isSentinel(value)
    ? value
    : `${PREFIX}${Buffer.from(value, 'utf8').toString('base64')}${SUFFIX}`

/** Undefined when the value has forbidden characters or is not canonical base64 of UTF-8. */
export const decodeHeaderValue = (value: string): string | undefined => {
  if (!PLAIN.test(value)) return undefined
  if (!isSentinel(value)) return value
  const encoded = value.slice(PREFIX.length, -SUFFIX.length)
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
