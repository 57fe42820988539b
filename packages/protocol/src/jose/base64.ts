import { fromBase64url } from '@credence/kit'
import { jwsRefused } from './errors.ts'

/** RFC 7515 section 2: base64url without padding, one text for one value. */
export const decodeSegment = (segment: string, what: string): Uint8Array => {
  try {
    return fromBase64url(segment)
  } catch {
    throw jwsRefused('jws_malformed', `The ${what} is not canonical base64url.`)
  }
}
