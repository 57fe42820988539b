/**
 * The rules of an access token's claims, in plain code: they run on every token that is seen for the first time, and on
 * every token that is made before it leaves.
 */
import { type CredenceError, refused } from '@credence/kit'
import { isJsonObject, type JsonObject } from '../jose/index.ts'
import type { AccessTokenClaims } from './claims.ts'

export interface ClaimExpectations {
  readonly issuer: string
  /** The one resource identifier that this token must be for; several when one resource has several names. */
  readonly audience: string | readonly string[]
  /** Epoch milliseconds. */
  readonly now: number
  /** Tolerance for clocks that differ, in both directions. Default 5. */
  readonly skewSeconds?: number
  /** Default 3,600: no token that lives longer is believed. */
  readonly maxLifetimeSeconds?: number
  /** `allowed`: a token without `cnf` is good, because the owner of the resource said so for this client. Default `refused`. */
  readonly bearer?: 'refused' | 'allowed'
}

export type AccessTokenCode =
  | 'token_invalid'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_audience_refused'
  | 'token_issuer_refused'
  | 'token_unbound'

export const tokenRefused = (code: AccessTokenCode, message: string, detail?: string): CredenceError =>
  refused(code, message, { status: 401, standard: 'invalid_token', ...(detail === undefined ? {} : { detail }) })

const MAXIMUM_TEXT = 2048
const MAXIMUM_ACTORS = 16
const DEFAULT_SKEW = 5
const DEFAULT_LIFETIME = 3600

/** C0, C1 and the characters that turn or hide text: an identifier that shows them is not an identifier. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u

const malformed = (claim: string): CredenceError => tokenRefused('token_invalid', `The claim ${claim} is not usable.`)

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAXIMUM_TEXT && !UNSAFE.test(value)

const requireText = (claims: JsonObject, name: string): void => {
  if (!isText(claims[name])) throw malformed(name)
}

const optionalText = (claims: JsonObject, name: string): void => {
  if (claims[name] !== undefined && !isText(claims[name])) throw malformed(name)
}

/** RFC 7519 section 2, NumericDate: we make and take whole seconds only. */
const seconds = (claims: JsonObject, name: string): number => {
  const value = claims[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(name)
  return value
}

/** RFC 9068 section 4: the issuer is compared exactly, so no slash, case or port variant passes. */
const issuedByUs = (claims: JsonObject, issuer: string): void => {
  if (claims.iss !== issuer) throw tokenRefused('token_issuer_refused', 'The token was made by another issuer.')
}

/** RFC 9068 section 4: `aud` names this resource. One string: an array is refused, even one that contains us. */
const meantForUs = (claims: JsonObject, audience: string | readonly string[]): void => {
  const { aud } = claims
  const good = typeof aud === 'string' && (typeof audience === 'string' ? aud === audience : audience.includes(aud))
  if (!good) throw tokenRefused('token_audience_refused', 'The token is meant for another resource.')
}

/** RFC 7519 sections 4.1.4 to 4.1.6. `exp` itself is outside, the skew is added to it: valid while now < exp + skew. */
const inTime = (claims: JsonObject, now: number, skew: number, maxLifetime: number): void => {
  const iat = seconds(claims, 'iat')
  const exp = seconds(claims, 'exp')
  const at = now / 1000
  if (exp <= iat || exp - iat > maxLifetime) throw malformed('exp')
  if (at >= exp + skew) throw tokenRefused('token_expired', 'The token has expired.')
  if (iat > at + skew) throw tokenRefused('token_not_yet_valid', 'The token is from the future.')
  if (claims.nbf !== undefined && seconds(claims, 'nbf') > at + skew) {
    throw tokenRefused('token_not_yet_valid', 'The token is not valid yet.')
  }
}

/** RFC 9449 section 6.1: bound to a key, unless the owner of the resource allowed a bearer token. */
const boundToKey = (claims: JsonObject, bearer: 'refused' | 'allowed'): void => {
  const { cnf } = claims
  if (cnf === undefined && bearer === 'allowed') return
  if (cnf === undefined) throw tokenRefused('token_unbound', 'A token that is bound to a key is needed here.')
  if (!isJsonObject(cnf)) throw malformed('cnf')
  const { jkt, 'x5t#S256': certificate } = cnf
  const thumbprint = /^[A-Za-z0-9_-]{43}$/
  if (jkt === undefined && certificate === undefined) throw malformed('cnf')
  for (const value of [jkt, certificate]) {
    if (value !== undefined && !(typeof value === 'string' && thumbprint.test(value))) throw malformed('cnf')
  }
}

/** RFC 8693 section 4.1: each actor has a subject; the chain is bounded. */
const actors = (claims: JsonObject): void => {
  let act = claims.act
  for (let depth = 0; act !== undefined; depth++) {
    if (depth >= MAXIMUM_ACTORS || !isJsonObject(act) || !isText(act.sub)) throw malformed('act')
    if (act.iss !== undefined && !isText(act.iss)) throw malformed('act')
    act = act.act
  }
}

/** RFC 6749 section 3.3 for `scope`; RFC 9396 section 9.1 for `authorization_details`. */
const authority = (claims: JsonObject): void => {
  const { scope, authorization_details: details } = claims
  if (scope !== undefined && !(typeof scope === 'string' && isScope(scope))) throw malformed('scope')
  if (details === undefined) return
  if (!Array.isArray(details) || details.length > 32) throw malformed('authorization_details')
  for (const detail of details) {
    if (!isJsonObject(detail) || !isText(detail.type)) throw malformed('authorization_details')
  }
}

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/
/** RFC 6749 section 3.3, with one space between two values. */
export const isScope = (text: string): boolean => text.length <= 4096 && SCOPE.test(text)

/** A counter: a number that never goes below zero. */
const counter = (claims: JsonObject, name: string): void => {
  const value = claims[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(`credence.${name}`)
}

const ours = (claims: JsonObject): void => {
  const { credence } = claims
  if (credence === undefined) return
  if (!isJsonObject(credence) || !isText(credence.dom)) throw malformed('credence')
  counter(credence, 'feed')
  counter(credence, 'epoch')
  for (const name of ['agt', 'own', 'ins']) optionalText(credence, name)
}

const OPTIONAL = ['grant_id', 'sid', 'txn'] as const

/** Judges claims that were signed, or that are about to be. Throws; what it returns has the shape of the schema. */
export const claimRules = (claims: unknown, expected: ClaimExpectations): AccessTokenClaims => {
  if (!isJsonObject(claims)) throw malformed('set')
  issuedByUs(claims, expected.issuer)
  meantForUs(claims, expected.audience)
  inTime(claims, expected.now, expected.skewSeconds ?? DEFAULT_SKEW, expected.maxLifetimeSeconds ?? DEFAULT_LIFETIME)
  boundToKey(claims, expected.bearer ?? 'refused')
  requireText(claims, 'sub')
  requireText(claims, 'client_id')
  requireText(claims, 'jti')
  for (const name of OPTIONAL) optionalText(claims, name)
  actors(claims)
  authority(claims)
  ours(claims)
  return claims as unknown as AccessTokenClaims
}
