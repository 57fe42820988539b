/**
 * Enforcement points that authenticate by the client certificate of the connection: each is named in the configuration,
 * stands for a registered agent, and is known by the hash of its certificate, or by a certificate authority of its own and a
 * name in the certificate.
 *
 * INVARIANT: only the certificate of this very connection counts, never a header field; behind a trusted proxy it is the
 * proxy's, and counts for nothing.
 */
import { constants, createHash, X509Certificate } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { refused } from '@credence/kit'
import type { EdgeRequest } from '@credence/kit/http'

export interface CertificateCaller {
  /** In the configuration. */
  readonly name: string
  /** `agt_…`: whose registration stands behind it. Suspended or retired, it is refused. */
  readonly agent: string
  readonly by:
    | { readonly kind: 'hash' /** SHA-256 of the certificate in lower-case hex. */; readonly sha256: string }
    | {
        readonly kind: 'authority' /** PEM of the direct issuer. */
        readonly ca: string /** `DNS:…` or `URI:…` */
        readonly san: string
      }
}

export interface PresentedCertificate {
  readonly leaf: X509Certificate
  /** The chain was verified in the handshake, against the authorities of all callers. */
  readonly chained: boolean
}

/** What the listener has to ask for. NOTE: no tickets, so that a certificate is shown and verified on every connection. */
export const tlsForCallers = (callers: readonly CertificateCaller[]) => {
  const authorities = callers.flatMap(({ by }) => (by.kind === 'authority' ? [by.ca] : []))
  return {
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(authorities.length === 0 ? {} : { ca: authorities }),
  }
}

const trustedBy = (proxies: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList()
  const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/')
    if (bits === undefined) list.addAddress(address, family(address))
    else list.addSubnet(address, Number(bits), family(address))
  }
  return (address) => isIP(address) !== 0 && list.check(address, family(address))
}

/** The certificate of the connection that a request came on; nothing where a trusted proxy made the connection. */
export const certificateReader = (trustedProxies: readonly string[]) => {
  const isProxy = trustedBy(trustedProxies)
  return ({ raw }: Pick<EdgeRequest, 'raw'>): PresentedCertificate | undefined => {
    const socket = raw.req.socket as Partial<TLSSocket>
    const peer = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    if (isProxy(peer) || socket.encrypted !== true) return undefined
    const leaf = socket.getPeerX509Certificate?.()
    return leaf === undefined ? undefined : { leaf, chained: socket.authorized === true }
  }
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** The handshake has looked too, but a connection may outlive what it was made with. */
const inTime = (certificate: X509Certificate, now: number): boolean =>
  Date.parse(certificate.validFrom) <= now && now < Date.parse(certificate.validTo)

/** RFC 5280 section 4.2.1.12: without the extension a certificate is for anything. */
const forClients = ({ keyUsage }: X509Certificate): boolean => keyUsage === undefined || keyUsage.includes(CLIENT_AUTH)

/** NOTE: node quotes names that could be taken for two; no configured name looks like that. */
const namesOf = ({ subjectAltName = '' }: X509Certificate): readonly string[] =>
  subjectAltName.includes('"') ? [] : subjectAltName.split(', ')

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

interface ReadyCaller {
  readonly caller: CertificateCaller
  readonly matches: (presented: PresentedCertificate, now: number) => boolean
}

const readAuthority = ({ name }: CertificateCaller, pem: string): X509Certificate => {
  try {
    const certificate = new X509Certificate(pem)
    if (certificate.ca) return certificate
  } catch {
    // The same answer.
  }
  throw refused('config_invalid', `decisionCallers.${name}.ca is not the certificate of an authority.`, { status: 400 })
}

const ready = (caller: CertificateCaller): ReadyCaller => {
  const { by } = caller
  if (by.kind === 'hash')
    return { caller, matches: ({ leaf }, now) => inTime(leaf, now) && sha256(leaf.raw) === by.sha256 }
  const authority = readAuthority(caller, by.ca)
  return {
    caller,
    // INVARIANT: issued by the authority of this caller, not by that of another one.
    matches: ({ leaf, chained }, now) =>
      chained &&
      inTime(leaf, now) &&
      inTime(authority, now) &&
      forClients(leaf) &&
      leaf.checkIssued(authority) &&
      leaf.verify(authority.publicKey) &&
      namesOf(leaf).includes(by.san),
  }
}

/** Who a certificate stands for. Two that match are nobody. */
export const callerFinder = (callers: readonly CertificateCaller[]) => {
  const all = callers.map(ready)
  return (presented: PresentedCertificate, now: number): CertificateCaller | undefined => {
    const [first, second] = all.filter(({ matches }) => matches(presented, now))
    return second === undefined ? first?.caller : undefined
  }
}
