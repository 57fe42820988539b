/**
 * The one minter. `claims(facts)` says what a token will say; `mint` signs it.
 *
 * INVARIANT: no token without a proof key, except for a named client at a resource whose owner allowed bearer tokens
 * for it; then it lives two minutes. What was made is checked by the rules that a guard applies, before it leaves.
 */
import { bug, type Clock } from '@credence/kit'
import type { AuthorizationDetails, Party, SessionId, TokenId } from '@credence/model'
import { type AccessTokenClaims, claimRules, signAccessToken, verifyAccessToken } from '@credence/protocol/access-token'
import { BEARER_TOKEN_SECONDS, TOKEN_SECONDS } from '../config.ts'
import type { SigningKey } from '../keys/signing-keys.ts'

export interface TokenFacts {
  readonly issuer: string
  readonly domain: string
  readonly epoch: number
  /** Number of the feed in the batch that made the token's row. */
  readonly feed: number
  readonly jti: TokenId
  readonly subject: Party
  readonly clientId: string
  /** The agent that acts, when the client is one; `sub` of the token when it acts for itself. */
  readonly actor?: { readonly spiffeId: string; readonly agent: string; readonly owner: string }
  readonly resource: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  readonly jkt?: string
  /** Only from an exception that the owner of the resource set for this client. */
  readonly bearerAllowed: boolean
  readonly grant?: string
  readonly session?: SessionId
  readonly txn: string
  /** Epoch seconds; the token never outlives the grant. */
  readonly issuedAt: number
  readonly notAfter?: number
}

export const lifetimeSeconds = (facts: Pick<TokenFacts, 'jkt' | 'issuedAt' | 'notAfter'>): number => {
  const wanted = facts.jkt === undefined ? BEARER_TOKEN_SECONDS : TOKEN_SECONDS
  return facts.notAfter === undefined ? wanted : Math.min(wanted, facts.notAfter - facts.issuedAt)
}

const mustBeBound = (facts: TokenFacts): void => {
  if (facts.jkt === undefined && !facts.bearerAllowed) throw bug('mint_without_key', `token ${facts.jti} has no cnf`)
}

/** RFC 8693 section 4.1: the actor, when somebody else is the subject. */
const actClaim = (facts: TokenFacts): Pick<AccessTokenClaims, 'act'> =>
  facts.actor === undefined || facts.actor.spiffeId === facts.subject.sub
    ? {}
    : { act: { iss: facts.issuer, sub: facts.actor.spiffeId } }

export const claims = (facts: TokenFacts): AccessTokenClaims => {
  mustBeBound(facts)
  return {
    iss: facts.issuer,
    sub: facts.subject.sub,
    aud: facts.resource,
    client_id: facts.clientId,
    jti: facts.jti,
    iat: facts.issuedAt,
    exp: facts.issuedAt + lifetimeSeconds(facts),
    ...(facts.scope.length === 0 ? {} : { scope: facts.scope.join(' ') }),
    ...(facts.authorizationDetails.length === 0
      ? {}
      : { authorization_details: facts.authorizationDetails.map((detail) => ({ ...detail })) }),
    ...(facts.jkt === undefined ? {} : { cnf: { jkt: facts.jkt } }),
    ...actClaim(facts),
    ...(facts.grant === undefined ? {} : { grant_id: facts.grant }),
    ...(facts.session === undefined ? {} : { sid: facts.session }),
    txn: facts.txn,
    credence: {
      dom: facts.domain,
      feed: facts.feed,
      epoch: facts.epoch,
      ...(facts.actor === undefined ? {} : { agt: facts.actor.agent, own: facts.actor.owner }),
    },
  }
}

/** Every so many tokens the signature is verified too, by the code a guard uses. */
const SAMPLE = 64

export interface Minter {
  mint(facts: TokenFacts): string
}

export const createMinter = (deps: {
  readonly signingKey: () => SigningKey
  readonly clock: Pick<Clock, 'now'>
}): Minter => {
  let minted = 0
  return {
    mint: (facts) => {
      const made = claims(facts)
      const expected = {
        issuer: facts.issuer,
        audience: facts.resource,
        now: deps.clock.now(),
        maxLifetimeSeconds: facts.jkt === undefined ? BEARER_TOKEN_SECONDS : TOKEN_SECONDS,
        bearer: facts.bearerAllowed ? 'allowed' : 'refused',
      } as const
      try {
        claimRules(made, expected)
        const key = deps.signingKey()
        const token = signAccessToken(key.privateKey, key.kid, made)
        if (minted++ % SAMPLE === 0) {
          verifyAccessToken({ ...expected, token, keys: (kid) => (kid === key.kid ? key.publicKey : undefined) })
        }
        return token
      } catch (cause) {
        throw bug('minted_wrong', `what was minted does not pass the guard's rules: ${String(cause)}`, { cause })
      }
    },
  }
}
