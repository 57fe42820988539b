/** What must not reach a log, by the name of the field and by the shape of the value. */

const SECRET_NAME =
  /^(?:.*[_-])?(?:authorization|cookie|set-cookie|password|passphrase|secret|token|jwt|assertion|dpop|proof|private[_-]?key|api[_-]?key|credential|code|code_verifier|refresh|ticket|link)$/i
/** `code` of an error and `tokenHash` are what operators look for. */
const PUBLIC_NAME = /^(?:code|kind)$|hash$|_id$/i
const JWT = /\b[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}/g
const SCHEME = /\b(Bearer|DPoP|Basic)\s+[A-Za-z0-9._~+/=-]+/gi
const USERINFO = /:\/\/[^/\s@]+@/g
const QUERY_SECRET = /([?&](?:code|token|access_token|refresh_token|state|client_assertion|link)=)[^&\s"]+/gi
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
const PRIVATE_JWK = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])

const MAX_TEXT = 4_096
const MAX_DEPTH = 6
const MAX_ENTRIES = 64

export const isSecretName = (name: string): boolean =>
  !PUBLIC_NAME.test(name) && (SECRET_NAME.test(name) || SECRET_NAME.test(name.replace(/([a-z])([A-Z])/g, '$1_$2')))

export const redactText = (text: string): string =>
  (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)
    .replace(PEM, '[private key]')
    .replace(SCHEME, '$1 [redacted]')
    .replace(JWT, '[jwt]')
    .replace(USERINFO, '://[redacted]@')
    .replace(QUERY_SECRET, '$1[redacted]')

const redactObject = (value: object, depth: number): unknown => {
  if (value instanceof Error) {
    return { name: value.name, message: redactText(value.message), stack: redactText(value.stack ?? '') }
  }
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((one) => redact(one, depth + 1))
  const out: Record<string, unknown> = {}
  const isKey = 'kty' in value
  for (const name of Object.keys(value).slice(0, MAX_ENTRIES)) {
    const secret = isSecretName(name) || (isKey && PRIVATE_JWK.has(name))
    out[redactText(name)] = secret ? '[redacted]' : redact((value as Record<string, unknown>)[name], depth + 1)
  }
  return out
}

/** A copy that may be written down: bounded in depth, entries and length. */
export const redact = (value: unknown, depth = 0): unknown => {
  switch (typeof value) {
    case 'string':
      return redactText(value)
    case 'bigint':
    case 'symbol':
      return String(value)
    case 'function':
      return '[function]'
    case 'object':
      if (value === null) return null
      return depth >= MAX_DEPTH ? '[deep]' : redactObject(value, depth)
    default:
      return value
  }
}
