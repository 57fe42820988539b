import { refused } from '@credence/kit'

/**
 * RFC 9449 section 4.3, rule 9: htu is compared without query and fragment.
 *
 * The one documented normalization is that of RFC 3986 section 6.2.2 and 6.2.3 as the URL standard does it: scheme and
 * host in lower case, default port and dot segments removed, an empty path made `/`. Percent-escapes are left as they
 * are, so `%2F` is not `/`. User information and everything that is not http or https is refused.
 */
export const normalizeHtu = (text: string): string => {
  if (text.length > 2048) throw htuRefused()
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw htuRefused()
  }
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '') {
    throw htuRefused()
  }
  return `${url.protocol}//${url.host}${url.pathname}`
}

const htuRefused = () => refused('dpop_proof_invalid', 'The htu of the proof is not a usable URL.', { status: 401 })
