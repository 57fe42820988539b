/** Facts to claims: the only place where an access token of ours gets its content. */
import { bug } from '@credence/kit'
import type { AccessTokenClaims, ActClaim } from '@credence/protocol/access-token'
import type { ActorFacts, CallerFacts } from '../caller.ts'
import { sameParty } from '../party.ts'

export interface MintFacts {
  readonly facts: CallerFacts
  readonly issuer: string
  readonly jti: string
  /** Of the ledger: a restore begins a new one. */
  readonly epoch: number
}

/** RFC 8693 section 4.1: the current actor is the outermost; the subject itself is no actor of its own. */
const actOf = ([current, ...earlier]: readonly ActorFacts[]): ActClaim | undefined => {
  if (current === undefined) return undefined
  const act = actOf(earlier)
  return { iss: current.party.iss, sub: current.party.sub, ...(act === undefined ? {} : { act }) }
}

const chainOf = ({ actors, subject }: CallerFacts): readonly ActorFacts[] => {
  const [only, ...more] = actors
  return only !== undefined && more.length === 0 && sameParty(only.party, subject) ? [] : actors
}

/** What is undefined is not a claim. */
const present = (claims: { readonly [name: string]: unknown }): object =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))

const credenceOf = ({ facts, epoch }: MintFacts) => {
  const [current] = facts.actors
  return {
    dom: facts.domain,
    feed: facts.feed,
    epoch,
    ...present({ agt: current?.agent, own: current?.owner, ins: current?.instance }),
  }
}

export const accessTokenClaims = (mint: MintFacts): AccessTokenClaims => {
  const { facts, issuer, jti } = mint
  if (facts.subject.iss !== issuer) throw bug('mint_foreign_subject', 'The subject belongs to another issuer.')
  if ((facts.proof === 'none') !== (facts.jkt === undefined)) {
    throw bug('mint_binding', 'Proof and key thumbprint do not fit together.')
  }
  return {
    iss: issuer,
    sub: facts.subject.sub,
    aud: facts.audience,
    client_id: facts.clientId,
    jti,
    iat: facts.issuedAt,
    exp: facts.expiresAt,
    ...present({
      scope: facts.scope.length === 0 ? undefined : facts.scope.join(' '),
      authorization_details: facts.authorizationDetails.length === 0 ? undefined : facts.authorizationDetails,
      cnf: facts.jkt === undefined ? undefined : { jkt: facts.jkt },
      act: actOf(chainOf(facts)),
      grant_id: facts.grant,
      sid: facts.session,
      txn: facts.txn,
    }),
    credence: credenceOf(mint),
  }
}
