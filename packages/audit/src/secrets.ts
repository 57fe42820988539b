/**
 * The last guard before a leaf, which nobody can erase. It knows the shapes of tokens and keys, not their meaning:
 * hashes and ids pass, whatever could be presented somewhere does not.
 */
import { refused } from '@credence/kit'

const SHAPES: readonly RegExp[] = [
  // A JWT or JWE: header, payload, and possibly a signature, whose first member name begins `{"`.
  /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}/,
  /-----BEGIN [A-Z ]+-----/,
  /\b(?:Bearer|DPoP|Basic)\s+[A-Za-z0-9._~+/-]{12,}/i,
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk-|sk_live_|rk_live_|npm_|AIza)[A-Za-z0-9_-]{16,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\b(?:client_secret|password|passwd|access_token|refresh_token|code_verifier)["']?\s*[=:]\s*\S{4,}/i,
  /"d"\s*:\s*"[A-Za-z0-9_-]{20,}"/,
]

/** What every shape contains at least, in plain text and in JSON, where quotes and control characters are escaped. */
const HINT =
  /eyJ|-----BEGIN|(?:Bearer|DPoP|Basic)[\s\\]|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|[sr]k[-_]|npm_|AIza|AKIA|ASIA|client_secret|passw|access_token|refresh_token|code_verifier|\\"d\\"/i

/** One look over the whole text of a record. INVARIANT: no means that no string in it looks like a secret. */
export const mayHoldSecret = (json: string): boolean => HINT.test(json)

export const looksLikeSecret = (text: string): boolean => text.length >= 12 && SHAPES.some((shape) => shape.test(text))

const findSecret = (value: unknown, path: string): string | undefined => {
  if (typeof value === 'string') return looksLikeSecret(value) ? path : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    const found = looksLikeSecret(key) ? `${path}.(name)` : findSecret(member, `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** Throws `refused` (`record_has_secret`); the detail names the place and never the value. */
export const assertNoSecrets = (record: object): void => {
  const found = findSecret(record, '')
  if (found === undefined) return
  throw refused('record_has_secret', 'Something in this looks like a token or a secret and cannot be recorded.', {
    status: 400,
    detail: `at ${found}`,
  })
}

export const WITHHELD = '[withheld]'

/** For refusals and outcomes, which must not be lost because of what somebody put into a name. */
export const withhold = (text: string, max: number): string => {
  const shown = looksLikeSecret(text) ? WITHHELD : text.toWellFormed()
  return shown.length <= max ? shown : `${shown.slice(0, max - 1).toWellFormed()}…`
}
