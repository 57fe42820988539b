/** A client certificate instead of a token, at the endpoints that answer enforcement points, and nowhere else. */
import type { Authenticated, Authenticator, PresentedToken } from '@credence/guard'
import { type Clock, refused } from '@credence/kit'
import type { CallerFacts } from '@credence/model'
import type { Domain } from '../domain/domain.ts'
import type { Directory } from '../registry/directory.ts'
import { type CertificateCaller, callerFinder, type PresentedCertificate } from './certificates.ts'

export type PresentedCaller = PresentedToken & { readonly certificate?: PresentedCertificate | undefined }

export interface CertificateDeps {
  readonly callers: readonly CertificateCaller[]
  readonly directory: Pick<Directory, 'agent'>
  readonly domain: Pick<Domain, 'id' | 'issuer'>
  readonly clock: Pick<Clock, 'now'>
  /** The last entry of the feed that this node applied. */
  readonly feed: () => number
}

/** NOTE: the agent's standing is read now, and the certificate was looked at in this very request. */
const STANDS = Object.freeze({ revoked: false, revokedBy: undefined })
const REQUEST_SECONDS = 60

const notRegistered = ({ name }: CertificateCaller) =>
  refused('caller_unknown', `The enforcement point "${name}" is not registered as an agent.`, { status: 401 })

const authenticated = (caller: CertificateCaller, audience: string, deps: CertificateDeps): Authenticated => {
  const agent = deps.directory.agent(caller.agent)
  if (agent === undefined) throw notRegistered(caller)
  const now = Math.floor(deps.clock.now() / 1000)
  const party = { iss: deps.domain.issuer, sub: agent.spiffeId }
  const facts: CallerFacts = {
    domain: deps.domain.id,
    subject: party,
    actors: [{ party, agent: agent.id, owner: agent.owner }],
    clientId: agent.id,
    audience,
    scope: ['decide'],
    authorizationDetails: [],
    proof: 'mtls',
    feed: deps.feed(),
    issuedAt: now,
    expiresAt: now + REQUEST_SECONDS,
  }
  return { facts, revocation: STANDS }
}

/** Whoever presents a token is judged by the token alone: two identities in one request are none. */
export const certificateAuthenticator = (
  tokens: Authenticator<PresentedToken>,
  deps: CertificateDeps,
): Authenticator<PresentedCaller> => {
  const find = callerFinder(deps.callers)
  return {
    authenticate: (presented) => {
      const { certificate, authorization, dpop } = presented
      const bare = authorization.length === 0 && dpop.length === 0
      const caller = certificate !== undefined && bare ? find(certificate, deps.clock.now()) : undefined
      return caller === undefined ? tokens.authenticate(presented) : authenticated(caller, presented.resource, deps)
    },
  }
}
