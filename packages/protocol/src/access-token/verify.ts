/** RFC 9068 section 4: an access token, from its bytes to its claims. It knows no revocation and no proof. */
import { hash, type KeyObject } from 'node:crypto'
import { isCredenceError } from '@credence/kit'
import { type JsonObject, parseCompactJws, signCompactJws, verifyJwt } from '../jose/index.ts'
import { parseJsonObject } from '../jose/json.ts'
import type { AccessTokenClaims } from './claims.ts'
import { type ClaimExpectations, claimRules, tokenRefused } from './rules.ts'

export interface VerifyAccessTokenOptions extends ClaimExpectations {
  readonly token: string
  /** Keys of this issuer and no other, by `kid`. */
  readonly keys: (kid: string) => KeyObject | undefined
}

export interface VerifiedAccessToken {
  readonly claims: AccessTokenClaims
  readonly kid: string
  readonly key: KeyObject
  /** base64url(SHA-256(token)): also the `ath` that a proof must carry. */
  readonly hash: string
}

export const ACCESS_TOKEN_TYPE = 'at+jwt'
/** RFC 9068 section 4: `at+jwt`, or the full media type. */
const TYPES = [ACCESS_TOKEN_TYPE, 'application/at+jwt'] as const

/** Unverified: for routing and for error messages only. */
export const parseAccessToken = (token: string): { readonly kid: string | undefined; readonly claims: JsonObject } => {
  const { header, payload } = parseCompactJws(token)
  return { kid: header.kid, claims: parseJsonObject(payload, 'jwt_payload_refused', 'payload') }
}

export const verifyAccessToken = (options: VerifyAccessTokenOptions): VerifiedAccessToken => {
  const { token, keys } = options
  try {
    const { header, claims, key } = verifyJwt({
      token,
      typ: TYPES,
      key: ({ kid }) => (kid === undefined ? undefined : keys(kid)),
    })
    return {
      claims: claimRules(claims, options),
      kid: header.kid ?? '',
      key,
      hash: hash('sha256', token, 'base64url'),
    }
  } catch (error) {
    if (isCredenceError(error) && error.kind === 'refused' && error.standard === undefined) {
      throw tokenRefused('token_invalid', error.message, error.code)
    }
    throw error
  }
}

/** Signs claims that `claimRules` has passed. */
export const signAccessToken = (privateKey: KeyObject, kid: string, claims: AccessTokenClaims): string =>
  signCompactJws(privateKey, { typ: ACCESS_TOKEN_TYPE, kid }, claims)
