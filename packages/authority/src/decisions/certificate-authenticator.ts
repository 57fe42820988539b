/** A client certificate instead of a token, at the endpoints that answer enforcement points, and nowhere else. */
import type { Authenticated, Authenticator, PresentedToken, Revocations } from '@credence/guard'
import { type Clock, refused } from '@credence/kit'
import type { Logger } from '@credence/kit/telemetry'
import { type CallerFacts, revocationKey } from '@credence/model'
import type { Domain } from '../domain/domain.ts'
import type { Directory } from '../registry/directory.ts'
import { keyThumbprint } from './certificate-key.ts'
import { type CertificateCaller, callerFinder, type PresentedCertificate } from './certificates.ts'
import { unmatchedLog } from './unmatched-log.ts'

export type PresentedCaller = PresentedToken & { readonly certificate?: PresentedCertificate | undefined }

export interface CertificateDeps {
  readonly callers: readonly CertificateCaller[]
  readonly directory: Pick<Directory, 'agent'>
  readonly domain: Pick<Domain, 'id' | 'issuer'>
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** `number`: the last entry of the feed that this node applied. */
  readonly feed: Pick<Revocations, 'follow'> & { readonly number: number }
  /** Whether a key was revoked, as the rows say that this node has at that number of the feed, or later. */
  readonly blocked: (key: string, number: number) => Promise<boolean>
  readonly log: Pick<Logger, 'warn'>
}

/** What is known of one certificate is asked for anew after half of this. */
const SECONDS = 60

const notRegistered = ({ name }: CertificateCaller) =>
  refused('caller_unknown', `The enforcement point "${name}" is not registered as an agent.`, { status: 401 })

const keyRevoked = () =>
  refused('token_revoked', 'The key of this certificate was revoked. Configure a certificate with another key.', {
    status: 401,
  })

type Agent = NonNullable<ReturnType<Directory['agent']>>

interface Who {
  readonly caller: CertificateCaller
  readonly agent: Agent
  readonly leaf: PresentedCertificate['leaf']
  readonly jkt: string
  readonly audience: string
}

/** INVARIANT: they never stand for longer than the certificate does. */
const factsOf = ({ agent, jkt, leaf, audience }: Who, feed: number, deps: CertificateDeps): CallerFacts => {
  const now = Math.floor(deps.clock.now() / 1000)
  const party = { iss: deps.domain.issuer, sub: agent.spiffeId }
  return {
    domain: deps.domain.id,
    subject: party,
    actors: [{ party, agent: agent.id, owner: agent.owner }],
    clientId: agent.id,
    audience,
    scope: ['decide'],
    authorizationDetails: [],
    proof: 'mtls',
    jkt,
    feed,
    issuedAt: now,
    expiresAt: Math.min(now + SECONDS, Math.floor(Date.parse(leaf.validTo) / 1000)),
  }
}

/** INVARIANT: the number is read first: what is revoked from then on is an entry above it, what was before is in the rows. */
const authenticate = async (who: Who, deps: CertificateDeps): Promise<Authenticated> => {
  const { number } = deps.feed
  if (await deps.blocked(revocationKey.proofKey(who.jkt), number)) throw keyRevoked()
  const facts = factsOf(who, number, deps)
  return { facts, revocation: await deps.feed.follow(facts) }
}

const REMEMBERED = 1_000

/**
 * One handle for a certificate, however often it asks: the index of revocations holds each until it expires.
 * What was revoked is not kept: an agent that is resumed is answered again, a key that was revoked is not.
 */
const remembering = (deps: CertificateDeps) => {
  const known = new Map<string, { readonly agent: Agent; readonly given: Authenticated }>()
  const stands = ({ facts, revocation }: Authenticated): boolean =>
    !revocation.revoked && deps.clock.now() < (facts.expiresAt - SECONDS / 2) * 1000
  return async (who: Who): Promise<Authenticated> => {
    const name = JSON.stringify([who.caller.name, who.leaf.fingerprint256, who.audience])
    const before = known.get(name)
    if (before !== undefined && before.agent === who.agent && stands(before.given)) return before.given
    const given = await authenticate(who, deps)
    if (known.size >= REMEMBERED) known.clear()
    known.set(name, { agent: who.agent, given })
    return given
  }
}

/** Whoever presents a token is judged by the token alone: two identities in one request are none. */
export const certificateAuthenticator = (
  tokens: Authenticator<PresentedToken>,
  deps: CertificateDeps,
): Authenticator<PresentedCaller> => {
  const find = callerFinder(deps.callers)
  const known = remembering(deps)
  const unmatched = unmatchedLog(deps.clock, deps.log)
  const registered = (caller: CertificateCaller): Agent => {
    const agent = deps.directory.agent(caller.agent)
    if (agent === undefined) throw notRegistered(caller)
    return agent
  }
  return {
    authenticate: (presented) => {
      const { certificate, authorization, dpop, resource } = presented
      if (certificate === undefined || authorization.length > 0 || dpop.length > 0)
        return tokens.authenticate(presented)
      const { caller, why } = find(certificate, deps.clock.now())
      const jkt = caller === undefined ? undefined : keyThumbprint(certificate.leaf)
      if (caller !== undefined && jkt !== undefined)
        return known({ caller, agent: registered(caller), leaf: certificate.leaf, jkt, audience: resource })
      unmatched(certificate, why)
      return tokens.authenticate(presented)
    },
  }
}
