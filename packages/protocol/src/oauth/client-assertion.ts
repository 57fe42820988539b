/**
 * RFC 7523 sections 2.2 and 3 as draft-ietf-oauth-rfc7523bis tightens them: the audience is the issuer, one string.
 */
import type { KeyObject } from 'node:crypto'
import { isCredenceError } from '@credence/kit'
import {
  type JsonObject,
  type JwsSigner,
  type ParsedJws,
  parseCompactJws,
  signJws,
  verifyParsedJws,
} from '../jose/index.ts'
import { parseJsonObject } from '../jose/json.ts'
import { oauthRefused } from './errors.ts'

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const MAXIMUM_LIFETIME_SECONDS = 300
const MAXIMUM_LENGTH = 8192
/** Typed assertions, untyped ones, and the plain `JWT` that most libraries write. Nothing that is another kind of token. */
const TYPES: readonly (string | undefined)[] = [undefined, 'JWT', 'client-authentication+jwt']

export interface ClientAssertionRequest {
  readonly signer: JwsSigner
  readonly kid?: string
  readonly clientId: string
  /** The issuer of the authorization server. */
  readonly issuer: string
  readonly jti: string
  /** Epoch seconds. */
  readonly iat: number
  /** Default 60. */
  readonly lifetimeSeconds?: number
}

export const createClientAssertion = (request: ClientAssertionRequest): Promise<string> =>
  signJws(
    request.signer,
    { typ: 'client-authentication+jwt', ...(request.kid === undefined ? {} : { kid: request.kid }) },
    {
      iss: request.clientId,
      sub: request.clientId,
      aud: request.issuer,
      jti: request.jti,
      iat: request.iat,
      exp: request.iat + (request.lifetimeSeconds ?? 60),
    },
  )

export interface VerifiedClientAssertion {
  readonly clientId: string
  readonly jti: string
  /** Client and jti together; claim it once until `replayUntil`. */
  readonly replayKey: string
  /** Epoch milliseconds. */
  readonly replayUntil: number
  readonly kid: string | undefined
}

const invalidClient = (message: string, detail?: string) =>
  oauthRefused('invalid_client', 'client_assertion_refused', message, detail === undefined ? {} : { detail })

/** Parsed and not verified: nothing in it is known to be true. */
export interface PresentedAssertion {
  /** Who claims to be calling, to find the keys. */
  readonly subject: string
  readonly jws: ParsedJws
  readonly claims: JsonObject
}

export const readClientAssertion = (assertion: string): PresentedAssertion => {
  try {
    const jws = parseCompactJws(assertion, { maxLength: MAXIMUM_LENGTH })
    const claims = parseJsonObject(jws.payload, 'jwt_payload_refused', 'payload')
    const { sub } = claims
    if (typeof sub === 'string' && sub.length > 0 && sub.length <= 2048) return { subject: sub, jws, claims }
  } catch (error) {
    throw invalidClient('The client assertion is not usable.', isCredenceError(error) ? error.code : String(error))
  }
  throw invalidClient('The client assertion names no client.')
}

export interface VerifyClientAssertionOptions {
  readonly assertion: PresentedAssertion
  readonly clientId: string
  /** Our issuer: the only audience that is accepted. */
  readonly issuer: string
  /** The keys of this client. `kid` may be absent when the client has one key. */
  readonly key: (kid: string | undefined) => KeyObject | undefined
  /** Epoch milliseconds. */
  readonly now: number
  readonly skewSeconds?: number
}

export const verifyClientAssertion = (options: VerifyClientAssertionOptions): VerifiedClientAssertion => {
  const { claims, kid } = signedClaims(options)
  const skew = options.skewSeconds ?? 5
  subjectIsClient(claims, options.clientId)
  audienceIsIssuer(claims, options.issuer)
  const exp = lifetime(claims, options.now, skew)
  const { jti } = claims
  if (typeof jti !== 'string' || jti.length < 8 || jti.length > 256) throw invalidClient('The jti is not usable.')
  return {
    clientId: options.clientId,
    jti,
    replayKey: JSON.stringify([options.clientId, jti]),
    replayUntil: (exp + skew) * 1000,
    kid,
  }
}

const signedClaims = (options: VerifyClientAssertionOptions): { claims: JsonObject; kid: string | undefined } => {
  try {
    const { jws, claims } = options.assertion
    const { header } = verifyParsedJws(jws, { typ: TYPES, key: ({ kid }) => options.key(kid) })
    return { claims, kid: header.kid }
  } catch (error) {
    if (!isCredenceError(error) || error.kind !== 'refused') throw error
    // One message for an unknown key and a wrong signature: no oracle.
    throw invalidClient('The client assertion was not accepted.', error.code)
  }
}

/** > The "sub" (subject) MUST be the "client_id" of the OAuth client, and "iss" as well. (RFC 7523 section 3) */
const subjectIsClient = ({ iss, sub }: JsonObject, clientId: string): void => {
  if (iss !== clientId || sub !== clientId) throw invalidClient('iss and sub must both be the client_id.')
}

/** RFC 7523bis: an assertion for the token endpoint of one server must not be good at another. */
const audienceIsIssuer = ({ aud }: JsonObject, issuer: string): void => {
  if (aud !== issuer) throw invalidClient('aud must be the issuer, as one string.')
}

const wholeSeconds = (value: unknown, name: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalidClient(`${name} is not usable.`)
  return value
}

/** RFC 7523 section 3, rules 4 to 6: it expires, soon, and was not made in the future. */
const lifetime = (claims: JsonObject, now: number, skew: number): number => {
  const at = now / 1000
  const exp = wholeSeconds(claims.exp, 'exp')
  if (at >= exp + skew) throw invalidClient('The client assertion has expired.')
  if (exp > at + MAXIMUM_LIFETIME_SECONDS + skew)
    throw invalidClient('The client assertion lives longer than 5 minutes.')
  if (claims.iat !== undefined && wholeSeconds(claims.iat, 'iat') > at + skew) {
    throw invalidClient('The client assertion is from the future.')
  }
  if (claims.nbf !== undefined && wholeSeconds(claims.nbf, 'nbf') > at + skew) {
    throw invalidClient('The client assertion is not valid yet.')
  }
  return exp
}
