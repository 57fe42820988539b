/** Claims that were verified, read as facts. */
import { createHash } from 'node:crypto'
import { type CredenceError, isId, refused } from '@credence/kit'
import { type ActorFacts, AuthorizationDetails, type CallerFacts, callerFacts, type DomainId } from '@credence/model'
import type { AccessTokenClaims } from '@credence/protocol/access-token'
import { defined } from '../defined.ts'

/** What is known beside the claims. */
export interface TokenFacts {
  readonly tokenHash: string
  readonly signingKey: string
}

export type Reading = (claims: AccessTokenClaims, token: TokenFacts) => CallerFacts

const unreadable = (claim: string): CredenceError =>
  refused('token_invalid', `The claim ${claim} is not usable.`, { status: 401, standard: 'invalid_token' })

/** RFC 9396 section 6: a type of detail that is not known here cannot be weighed, so the token is refused. */
const readDetails = (details: AccessTokenClaims['authorization_details']): CallerFacts['authorizationDetails'] => {
  const parsed = AuthorizationDetails.safeParse(details ?? [])
  if (!parsed.success) throw unreadable('authorization_details')
  return parsed.data
}

/** RFC 8693 section 4.1: outermost is current. */
const readActors = (claims: AccessTokenClaims): ActorFacts[] => {
  const actors: ActorFacts[] = []
  for (let act = claims.act; act !== undefined; act = act.act) {
    actors.push({ party: { iss: act.iss ?? claims.iss, sub: act.sub } })
  }
  return actors
}

const common = (claims: AccessTokenClaims, token: TokenFacts) => ({
  subject: { iss: claims.iss, sub: claims.sub },
  clientId: claims.client_id,
  audience: claims.aud,
  scope: claims.scope === undefined ? [] : claims.scope.split(' '),
  authorizationDetails: readDetails(claims.authorization_details),
  tokenId: claims.jti,
  tokenHash: token.tokenHash,
  signingKey: token.signingKey,
  proof: claims.cnf === undefined ? ('none' as const) : ('dpop' as const),
  issuedAt: claims.iat,
  expiresAt: claims.exp,
  ...defined({ jkt: claims.cnf?.jkt, txn: claims.txn }),
})

/** An access token of a Credence domain. The claim `credence` says who the acting agent is in the registry. */
export const readCredenceToken =
  (domain: DomainId): Reading =>
  (claims, { tokenHash, signingKey }) =>
    callerFacts(claims, { hash: tokenHash, signingKey }, domain)

/**
 * An access token of somebody else's authorization server (RFC 9068): the client is the one who acts.
 * NOTE: it carries no number of a feed, so an entry of the feed that ever named one of its keys concerns it for good.
 */
export const readForeignToken =
  (domain: DomainId): Reading =>
  (claims, token) => {
    const actors = readActors(claims)
    const client: ActorFacts = { party: { iss: claims.iss, sub: claims.client_id } }
    return { ...common(claims, token), domain, actors: actors.length === 0 ? [client] : actors, feed: 0 }
  }

/** A stable id for an issuer that has no domain of its own. */
export const domainOfIssuer = (issuer: string): DomainId => {
  const text = `dom_${createHash('sha256').update(issuer).digest().subarray(0, 16).toString('base64url')}`
  if (!isId('dom', text)) throw unreadable('iss')
  return text
}
