/** Which URLs we are willing to ask. */
import { isIP } from 'node:net'
import { type CredenceError, refused } from '../errors.ts'
import { isPublicAddress } from './public-address.ts'

export interface TargetRules {
  readonly allowPrivate: ReadonlySet<string>
  readonly ports: ReadonlySet<string>
}

export interface Target {
  readonly url: URL
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly allowedPrivate: boolean
}

const LOCAL_SUFFIX =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa|onion|invalid)$/

export const notAllowed = (code: string, detail: string): CredenceError =>
  refused(code, 'This address may not be fetched.', { status: 400, standard: 'invalid_request', detail })

const parse = (text: string): URL => {
  // NOTE: the URL parser repairs these in silence; another parser would read another host.
  if (/[\\\s\p{Cc}]/u.test(text) || text.length > 2_048) throw notAllowed('fetch_url_invalid', 'characters or length')
  const url = URL.parse(text)
  if (url === null) throw notAllowed('fetch_url_invalid', 'not a URL')
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/*[^/?#]*@/i.test(text)) {
    throw notAllowed('fetch_url_invalid', 'credentials in the URL')
  }
  if (text.includes('#')) throw notAllowed('fetch_url_invalid', 'fragment')
  return url
}

/** `0177.1`, `0x7f000001` and `2130706433` are readings of 127.0.0.1 that we do not share. */
const refuseOddForms = (text: string, host: string): void => {
  const written = /^[a-z]+:\/\/([^/?#:]*)/i.exec(text)?.[1] ?? ''
  if (isIP(host) === 4 && written !== host) throw notAllowed('fetch_host_forbidden', `odd form of ${host}`)
  if (host === '' || host.endsWith('.')) throw notAllowed('fetch_host_forbidden', `trailing dot or empty: ${host}`)
}

const refuseLocalNames = (host: string): void => {
  const literal = isIP(host) !== 0
  if (literal && !isPublicAddress(host)) throw notAllowed('fetch_address_forbidden', host)
  if (!literal && (!host.includes('.') || LOCAL_SUFFIX.test(host))) throw notAllowed('fetch_host_forbidden', host)
}

export const checkTarget = (text: string, rules: TargetRules): Target => {
  const url = parse(text)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  refuseOddForms(text, host)
  const allowedPrivate = rules.allowPrivate.has(url.host) || rules.allowPrivate.has(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowedPrivate)) {
    throw notAllowed('fetch_scheme_forbidden', url.protocol)
  }
  if (!allowedPrivate) {
    if (url.port !== '' && !rules.ports.has(url.port)) throw notAllowed('fetch_port_forbidden', url.port)
    refuseLocalNames(host)
  }
  return { url, host, allowedPrivate }
}
