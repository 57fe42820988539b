/** Claims that were verified, read as facts. The mirror of the projection of the same name. */
import { type CredenceError, type Id, isId, refused } from '@credence/kit'
import type { AccessTokenClaims, ActClaim } from '@credence/protocol/access-token'
import { AuthorizationDetails } from '../authorization-details.ts'
import type { ActorFacts, CallerFacts, ProofMethod } from '../caller.ts'
import type { DomainId } from '../ids.ts'

export interface TokenEvidence {
  /** base64url(SHA-256(token)). */
  readonly hash: string
  /** `kid` or thumbprint of the key that signed. */
  readonly signingKey: string
}

const unreadable = (claim: string): CredenceError =>
  refused('token_invalid', `The claim ${claim} is not usable.`, { status: 401, standard: 'invalid_token' })

const optionalId = <Prefix extends string>(prefix: Prefix, text: string | undefined): Id<Prefix> | undefined => {
  if (text === undefined) return undefined
  if (!isId(prefix, text)) throw unreadable(prefix)
  return text
}

/** RFC 9396 section 6: a type that is not known here cannot be weighed. */
const detailsOf = (details: AccessTokenClaims['authorization_details']): CallerFacts['authorizationDetails'] => {
  const parsed = AuthorizationDetails.safeParse(details ?? [])
  if (!parsed.success) throw unreadable('authorization_details')
  return parsed.data
}

const chainOf = (act: ActClaim | undefined, issuer: string): readonly ActorFacts[] =>
  act === undefined ? [] : [{ party: { iss: act.iss ?? issuer, sub: act.sub } }, ...chainOf(act.act, issuer)]

const proofOf = (cnf: AccessTokenClaims['cnf']): ProofMethod => {
  if (cnf === undefined) return 'none'
  return cnf.jkt === undefined ? 'mtls' : 'dpop'
}

/** An agent that acts for itself is both subject and actor. */
const actorsOf = (claims: AccessTokenClaims): readonly ActorFacts[] => {
  const { credence } = claims
  const agent = optionalId('agt', credence?.agt)
  const owner = optionalId('own', credence?.own)
  const instance = optionalId('ins', credence?.ins)
  const registry = {
    ...(agent === undefined ? {} : { agent }),
    ...(owner === undefined ? {} : { owner }),
    ...(instance === undefined ? {} : { instance }),
  }
  const [current, ...earlier] = chainOf(claims.act, claims.iss)
  if (current !== undefined) return [{ ...current, ...registry }, ...earlier]
  return agent === undefined ? [] : [{ party: { iss: claims.iss, sub: claims.sub }, ...registry }]
}

/** INVARIANT: a token of another domain is refused, whatever signed it. */
export const callerFacts = (claims: AccessTokenClaims, evidence: TokenEvidence, domain: DomainId): CallerFacts => {
  const { credence } = claims
  if (credence === undefined || credence.dom !== domain) throw unreadable('credence')
  const grant = optionalId('grt', claims.grant_id)
  const session = optionalId('ses', claims.sid)
  const jkt = claims.cnf?.jkt
  return {
    domain,
    subject: { iss: claims.iss, sub: claims.sub },
    actors: actorsOf(claims),
    clientId: claims.client_id,
    audience: claims.aud,
    scope: claims.scope === undefined ? [] : claims.scope.split(' '),
    authorizationDetails: detailsOf(claims.authorization_details),
    proof: proofOf(claims.cnf),
    tokenId: claims.jti,
    tokenHash: evidence.hash,
    signingKey: evidence.signingKey,
    feed: credence.feed,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    ...(jkt === undefined ? {} : { jkt }),
    ...(grant === undefined ? {} : { grant }),
    ...(session === undefined ? {} : { session }),
    ...(claims.txn === undefined ? {} : { txn: claims.txn }),
  }
}
