/**
 * Workload identifiers: SPIFFE-ID, and draft-ietf-wimse-identifier-03. Compared byte for byte, never normalized.
 */
import { refused } from '@credence/kit'

export interface WorkloadId {
  readonly scheme: 'spiffe' | 'wimse'
  readonly trustDomain: string
  /** Segments, not empty, as written. */
  readonly path: readonly string[]
}

const MAXIMUM_LENGTH = 2048
const TRUST_DOMAIN = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
/** SPIFFE-ID section 2.2. */
const SPIFFE_SEGMENT = /^[A-Za-z0-9._-]+$/
/** RFC 3986 pchar; escapes in upper case and never of an unreserved character. */
const WIMSE_SEGMENT = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+$/

const malformed = () => refused('workload_id_malformed', 'Not a workload identifier.', { status: 400 })

export const isTrustDomain = (text: string): boolean => TRUST_DOMAIN.test(text) && !IPV4.test(text)

const escapesUnreserved = (segment: string): boolean =>
  [...segment.matchAll(/%([0-9A-F]{2})/g)].some(([, hex = '']) =>
    /[A-Za-z0-9\-._~]/.test(String.fromCharCode(Number.parseInt(hex, 16))),
  )

const isSegment = (scheme: WorkloadId['scheme'], segment: string): boolean =>
  segment !== '.' &&
  segment !== '..' &&
  (scheme === 'spiffe' ? SPIFFE_SEGMENT.test(segment) : WIMSE_SEGMENT.test(segment) && !escapesUnreserved(segment))

/** Refuses what the drafts refuse: query, fragment, userinfo, port, upper-case authority, dot and empty segments. */
export const parseWorkloadId = (text: string): WorkloadId => {
  const match = text.length > MAXIMUM_LENGTH ? null : /^(spiffe|wimse):\/\/([^/?#@:]+)((?:\/[^/?#]+)+)$/.exec(text)
  if (match === null) throw malformed()
  const [, scheme, trustDomain = '', rest = ''] = match
  if ((scheme !== 'spiffe' && scheme !== 'wimse') || !isTrustDomain(trustDomain)) throw malformed()
  const path = rest.slice(1).split('/')
  if (!path.every((segment) => isSegment(scheme, segment))) throw malformed()
  return { scheme, trustDomain, path }
}

export const formatWorkloadId = ({ scheme, trustDomain, path }: WorkloadId): string => {
  const text = `${scheme}://${trustDomain}/${path.join('/')}`
  parseWorkloadId(text)
  return text
}

/** An issuer speaks for one origin: scheme and trust domain together. */
export const workloadOrigin = ({ scheme, trustDomain }: WorkloadId): string => `${scheme}://${trustDomain}`
