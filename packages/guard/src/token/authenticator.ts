/**
 * Access tokens with their proofs, for a resource server: verified once, judged on every request.
 *
 * It trusts only the issuers it was given, each with keys of its own. It asks nobody about a token.
 */
import { isCredenceError, refused } from '@credence/kit'
import { tokenRefused } from '@credence/protocol/access-token'
import { accessTokenHash } from '@credence/protocol/dpop'
import type { Authenticator } from '../ports.ts'
import { about } from '../refusal.ts'
import { type CachedToken, createTokenCache } from './cache.ts'
import { createPossession, type PossessionOptions } from './possession.ts'
import { type Credentials, type PresentedToken, readCredentials } from './presented-token.ts'
import { createTrust, type TrustOptions } from './trust.ts'

export interface TokenAuthenticatorOptions extends TrustOptions, PossessionOptions {
  /** Tokens that are remembered. Default 100,000. */
  readonly cacheSize?: number
}

export interface TokenAuthenticator extends Authenticator<PresentedToken> {
  /** How many tokens are remembered. */
  readonly cached: number
}

export const createTokenAuthenticator = (options: TokenAuthenticatorOptions): TokenAuthenticator => {
  const cache = createTokenCache(options.cacheSize ?? 100_000)
  const trust = createTrust(options)
  const provePossession = createPossession(options)

  const recall = (hash: string): CachedToken | undefined => {
    const entry = cache.get(hash)
    if (entry === undefined || (!entry.revocation.revoked && trust.stillTrusts(entry))) return entry
    cache.delete(hash)
    return entry.revocation.revoked ? entry : undefined
  }

  const verify = async (token: string, hash: string, resource: string): Promise<CachedToken> => {
    const entry = await trust.verify(token, hash, resource)
    if (!entry.revocation.revoked) cache.set(hash, entry)
    return entry
  }

  const judge = async (entry: CachedToken, { scheme }: Credentials, hash: string, presented: PresentedToken) => {
    inTime(entry, options)
    forThisResource(entry, presented)
    schemeFits(entry, scheme, presented, options)
    if (entry.facts.proof !== 'none') await provePossession(entry, hash, presented)
  }

  return {
    authenticate: async (presented) => {
      const credentials = readCredentials(presented)
      const hash = accessTokenHash(credentials.token)
      const entry = recall(hash) ?? (await verify(credentials.token, hash, presented.resource))
      try {
        await judge(entry, credentials, hash, presented)
      } catch (error) {
        throw isCredenceError(error) ? about(error, { caller: entry.facts }) : error
      }
      return entry
    },
    get cached() {
      return cache.size
    },
  }
}

const inTime = ({ facts }: CachedToken, { clock, skewSeconds = 5 }: TrustOptions): void => {
  if (clock.now() / 1000 >= facts.expiresAt + skewSeconds) throw tokenRefused('token_expired', 'The token has expired.')
}

/** RFC 9068 section 4: a remembered token is for the resource it was made for, not for every one behind this process. */
const forThisResource = ({ facts }: CachedToken, { resource }: PresentedToken): void => {
  if (facts.audience !== resource)
    throw tokenRefused('token_audience_refused', 'The token is meant for another resource.')
}

/** RFC 9449 section 7.2: a bound token as Bearer, an unbound one as DPoP: both refused; the exception is asked each time. */
const schemeFits = (
  { facts }: CachedToken,
  scheme: Credentials['scheme'],
  { resource }: PresentedToken,
  { bearer }: TrustOptions,
): void => {
  if (facts.proof !== 'none') {
    if (scheme === 'dpop') return
    throw refused('token_needs_proof', 'This token is bound to a key: use the DPoP scheme with a proof.', {
      status: 401,
      standard: 'invalid_token',
    })
  }
  if (scheme !== 'bearer') throw tokenRefused('token_unbound', 'This token is not bound to a key.')
  if (bearer?.(resource, facts.clientId) !== true)
    throw tokenRefused('token_unbound', 'A token that is bound to a key is needed here.')
}
