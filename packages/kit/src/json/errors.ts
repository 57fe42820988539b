import { type CredenceError, refused } from '../errors.ts'

const MESSAGES = {
  json_invalid: 'The body is not valid JSON.',
  json_encoding: 'The JSON text is not valid UTF-8.',
  json_bom: 'The JSON text starts with a byte order mark.',
  json_surrogate: 'The JSON text contains half of a surrogate pair.',
  json_nul: 'The JSON text contains the character U+0000.',
  json_key_repeated: 'The JSON text has the same member name twice in one object.',
  json_key_forbidden: 'The JSON text has a member that is named "__proto__".',
  json_number: 'The JSON text has a number that cannot be kept exactly; send it as a string.',
  json_too_long: 'The JSON text is too long.',
  json_too_deep: 'The JSON text is nested too deeply.',
  json_too_many_keys: 'The JSON text has too many members.',
} as const

export const jsonRefused = (code: keyof typeof MESSAGES, detail?: string): CredenceError =>
  refused(code, MESSAGES[code], {
    status: code === 'json_too_long' ? 413 : 400,
    standard: 'invalid_request',
    ...(detail === undefined ? {} : { detail }),
  })
