/** A token that is seen for the first time: whose is it, is it genuine, what does it say. */
import type { KeyObject } from 'node:crypto'
import type { Clock } from '@credence/kit'
import type { DomainId } from '@credence/model'
import {
  type AccessTokenClaims,
  parseAccessToken,
  tokenRefused,
  verifyAccessToken,
} from '@credence/protocol/access-token'
import { deepFreeze } from '../freeze.ts'
import type { Revocations } from '../ports.ts'
import type { CachedToken } from './cache.ts'
import type { KeySource } from './key-source.ts'
import { domainOfIssuer, type Reading, readCredenceToken, readForeignToken } from './readings.ts'

export interface TrustedIssuer {
  /** Compared exactly with `iss`. */
  readonly issuer: string
  readonly keys: KeySource
  /** The Credence domain of this issuer. Absent: somebody else's authorization server. */
  readonly domain?: DomainId
  /** The running epoch of that domain; tokens of an earlier one are void. */
  readonly epoch?: () => number
  /** For tokens that are neither Credence's nor plain RFC 9068. */
  readonly read?: Reading
}

export interface TrustOptions {
  readonly issuers: readonly TrustedIssuer[]
  readonly clock: Pick<Clock, 'now'>
  readonly revocations: Pick<Revocations, 'follow'>
  /**
   * May this client use tokens without a key at this resource? Only the owner of the resource can say so.
   * Default: nobody may.
   */
  readonly bearer?: (resource: string, clientId: string) => boolean
  /** Longest life of a token without a key. Default 120. */
  readonly bearerLifetimeSeconds?: number
  /** Tolerance for clocks that differ. Default 5. */
  readonly skewSeconds?: number
}

export interface Trust {
  verify(token: string, hash: string, resource: string): Promise<CachedToken>
  /** Whether the ground on which a remembered token was believed still holds. */
  stillTrusts(entry: CachedToken): boolean
}

export const createTrust = (options: TrustOptions): Trust => {
  const issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, issuer]))
  return {
    verify: async (token, hash, resource) => {
      const { kid, claims: unverified } = parse(token)
      const issuer = typeof unverified.iss === 'string' ? issuers.get(unverified.iss) : undefined
      if (issuer === undefined) throw tokenRefused('token_issuer_refused', 'The token was made by another issuer.')
      const signingKey = kid === undefined ? undefined : await find(issuer.keys, kid)
      const bearer = bearerRule(options, resource, unverified.client_id)
      const { claims, key } = verifyAccessToken({
        token,
        keys: () => signingKey,
        issuer: issuer.issuer,
        audience: resource,
        now: options.clock.now(),
        bearer,
        ...(options.skewSeconds === undefined ? {} : { skewSeconds: options.skewSeconds }),
      })
      bindingIsUsable(claims, options.bearerLifetimeSeconds ?? BEARER_LIFETIME)
      ofThisEpoch(claims, issuer)
      return remember(claims, { issuer, hash, kid: kid ?? '', key }, options)
    },
    stillTrusts: ({ issuer, kid, key, epoch }) => {
      const trusted = issuers.get(issuer)
      return trusted !== undefined && trusted.keys.key(kid) === key && (trusted.epoch?.() ?? epoch) <= epoch
    },
  }
}

const BEARER_LIFETIME = 120

const parse = (token: string): ReturnType<typeof parseAccessToken> => {
  try {
    return parseAccessToken(token)
  } catch (cause) {
    throw tokenRefused('token_invalid', 'This is not an access token.', String(cause))
  }
}

/** INVARIANT: only keys of the issuer that the token names are ever tried (a shared set would let one speak for another). */
const find = async (keys: KeySource, kid: string): Promise<KeyObject | undefined> =>
  keys.find === undefined ? keys.key(kid) : keys.find(kid)

const bearerRule = ({ bearer }: TrustOptions, resource: string, client: unknown): 'allowed' | 'refused' =>
  typeof client === 'string' && bearer?.(resource, client) === true ? 'allowed' : 'refused'

/** A token without a key lives shortly; one bound to a certificate alone needs a door that sees the certificate. */
const bindingIsUsable = (claims: AccessTokenClaims, lifetime: number): void => {
  if (claims.cnf === undefined) {
    if (claims.exp - claims.iat > lifetime)
      throw tokenRefused('token_unbound', 'A token without a key may not live that long.')
  } else if (claims.cnf.jkt === undefined)
    throw tokenRefused('token_unbound', 'A token that is bound to a DPoP key is needed here.')
}

/** A restore from a backup begins an epoch; what was issued before it is void. */
const ofThisEpoch = (claims: AccessTokenClaims, issuer: TrustedIssuer): void => {
  if ((claims.credence?.epoch ?? 0) < (issuer.epoch?.() ?? 0))
    throw tokenRefused('token_invalid', 'The token was issued before a restore.')
}

interface Origin {
  readonly issuer: TrustedIssuer
  readonly hash: string
  readonly kid: string
  readonly key: KeyObject
}

const readingOf = ({ read, domain, issuer }: TrustedIssuer): Reading =>
  read ?? (domain === undefined ? readForeignToken(domainOfIssuer(issuer)) : readCredenceToken(domain))

const remember = async (
  claims: AccessTokenClaims,
  { issuer, hash, kid, key }: Origin,
  { revocations }: TrustOptions,
): Promise<CachedToken> => {
  const facts = deepFreeze(readingOf(issuer)(claims, { tokenHash: hash, signingKey: kid }))
  const revocation = await revocations.follow(facts)
  const epoch = claims.credence?.epoch ?? 0
  return { issuer: issuer.issuer, kid, key, epoch, facts, revocation, proofKey: undefined }
}
