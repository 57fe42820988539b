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
  /** What the handshake said against it, in a word. */
  readonly error?: string
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

/** NOTE: node gives the name of OpenSSL's error (`UNABLE_TO_VERIFY_LEAF_SIGNATURE`), in no type of its own. */
const errorOf = ({ authorizationError }: Partial<TLSSocket>): string =>
  String(authorizationError ?? 'unknown').slice(0, 100)

/** The certificate of the connection that a request came on; nothing where a trusted proxy made the connection. */
export const certificateReader = (trustedProxies: readonly string[]) => {
  const isProxy = trustedBy(trustedProxies)
  return ({ raw }: Pick<EdgeRequest, 'raw'>): PresentedCertificate | undefined => {
    const socket = raw.req.socket as Partial<TLSSocket>
    const peer = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    if (isProxy(peer) || socket.encrypted !== true) return undefined
    const leaf = socket.getPeerX509Certificate?.()
    if (leaf === undefined) return undefined
    return socket.authorized === true ? { leaf, chained: true } : { leaf, chained: false, error: errorOf(socket) }
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
  /** Undefined: the certificate is that of this caller. */
  readonly against: (presented: PresentedCertificate, now: number) => string | undefined
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

const byHash =
  (wanted: string): ReadyCaller['against'] =>
  ({ leaf }, now) => {
    if (sha256(leaf.raw) !== wanted) return 'another certificate'
    return inTime(leaf, now) ? undefined : 'expired, or not yet valid'
  }

/**
 * An authority below another one: OpenSSL finds it, wants to go on to a root that nobody configured, and says this.
 * NOTE: node's listener has no `allowPartialTrustChain`; that option is there for clients alone.
 */
const NOT_UP_TO_A_ROOT = 'UNABLE_TO_GET_ISSUER_CERT'

/**
 * Whether the handshake vouches for the chain. Where it ends at an authority that is no root, the link from it to the certificate is
 * all of it, and that link is checked here: signature, names, key usage of the authority, both validities, purpose. OpenSSL looks on,
 * and names what it finds later instead (a signature over SHA-1, say): then the certificate is not believed.
 */
const isVerified = ({ chained, error }: PresentedCertificate, authority: X509Certificate): boolean =>
  chained || (error === NOT_UP_TO_A_ROOT && !authority.checkIssued(authority))

/** INVARIANT: issued by the authority of this caller, not by that of another one. */
const byAuthority =
  (authority: X509Certificate, san: string): ReadyCaller['against'] =>
  (presented, now) => {
    const { leaf } = presented
    if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) return 'not issued by its authority'
    if (!isVerified(presented, authority)) return 'the handshake did not verify it'
    if (!inTime(leaf, now)) return 'expired, or not yet valid'
    if (!inTime(authority, now)) return 'its authority has expired'
    if (!forClients(leaf)) return 'not for clients'
    return namesOf(leaf).includes(san) ? undefined : 'another name'
  }

const ready = (caller: CertificateCaller): ReadyCaller => {
  const { by } = caller
  const against = by.kind === 'hash' ? byHash(by.sha256) : byAuthority(readAuthority(caller, by.ca), by.san)
  return { caller, against }
}

export interface FoundCaller {
  readonly caller?: CertificateCaller
  /** What speaks against it, for each caller by name. */
  readonly why: Readonly<Record<string, string>>
}

/** Who a certificate stands for. Two that match are nobody. */
export const callerFinder = (callers: readonly CertificateCaller[]) => {
  const all = callers.map(ready)
  return (presented: PresentedCertificate, now: number): FoundCaller => {
    const looked = all.map(({ caller, against }) => ({ caller, why: against(presented, now) }))
    const [first, second] = looked.filter(({ why }) => why === undefined)
    if (first !== undefined && second === undefined) return { caller: first.caller, why: {} }
    return { why: Object.fromEntries(looked.map(({ caller, why }) => [caller.name, why ?? 'one of several'])) }
  }
}
