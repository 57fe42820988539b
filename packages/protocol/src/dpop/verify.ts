/**
 * RFC 9449 section 4.3: the checks of a proof, one function a rule.
 *
 * It does not know replays: the caller claims `replayKey` once, for as long as `replayUntil` says.
 */
import type { KeyObject } from 'node:crypto'
import { type CredenceError, isCredenceError, refused } from '@credence/kit'
import {
  algOf,
  canonicalJwk,
  importJwk,
  isJsonObject,
  type JsonObject,
  parsePublicJwk,
  thumbprint,
} from '../jose/index.ts'
import { parseJsonObject } from '../jose/json.ts'
import { checkSignature, type JwsHeader, type ParsedJws, parseCompactJws } from '../jose/jws.ts'
import { normalizeHtu } from './htu.ts'

/** The key that a token is bound to, as seen in an earlier proof: the embedded key need only be compared. */
export interface ExpectedKey {
  readonly key: KeyObject
  readonly jkt: string
  readonly canonicalJwk: string
  /** Header segment of a proof that was verified with this key; an equal segment is not parsed again. */
  readonly headerSegment?: string
}

export interface NonceRule {
  /** False: a proof without nonce is good, but one with a nonce must carry a good one. */
  readonly required: boolean
  accepts(nonce: string): boolean
}

export interface ProofWindow {
  readonly pastSeconds: number
  readonly futureSeconds: number
}

export interface VerifyProofOptions {
  /** The single value of the `DPoP` header field; `undefined` when there was none or more than one. */
  readonly proof: string | undefined
  /** Of the request itself. */
  readonly method: string
  /** Built from configuration, never from `Host` or forwarding headers. */
  readonly url: string
  /** `accessTokenHash(token)` of the token that is presented; absent at the token endpoint. */
  readonly accessTokenHash?: string
  readonly nonce?: NonceRule
  /** Epoch milliseconds. */
  readonly now: number
  readonly window?: ProofWindow
  readonly expected?: ExpectedKey
  /** When only the thumbprint is known (`cnf.jkt`, `dpop_jkt`). */
  readonly expectedJkt?: string
}

export interface VerifiedProof extends ExpectedKey {
  readonly headerSegment: string
  readonly jti: string
  /** Epoch seconds. */
  readonly iat: number
  readonly nonce: string | undefined
  /** Key and jti together: two keys may use the same jti, one key never twice. */
  readonly replayKey: string
  /** Epoch milliseconds after which the proof is outside the window. */
  readonly replayUntil: number
}

export const DEFAULT_WINDOW: ProofWindow = { pastSeconds: 60, futureSeconds: 5 }
const MAXIMUM_PROOF = 8192

export type DpopCode = 'dpop_proof_invalid' | 'dpop_proof_stale' | 'dpop_nonce_required' | 'dpop_key_mismatch'

const invalid = (message: string, code: DpopCode = 'dpop_proof_invalid', detail?: string): CredenceError =>
  refused(code, message, {
    status: 401,
    standard: code === 'dpop_nonce_required' ? 'use_dpop_nonce' : 'invalid_dpop_proof',
    ...(detail === undefined ? {} : { detail }),
  })

/** Whatever is wrong with the JWS is wrong with the proof. */
const asProofError = (error: unknown): unknown =>
  isCredenceError(error) && error.standard === undefined && error.kind === 'refused'
    ? invalid(error.message, 'dpop_proof_invalid', error.code)
    : error

/** > 2. The DPoP HTTP request header field value is a single and well-formed JWT. */
const wellFormed = (proof: string | undefined, expected: ExpectedKey | undefined): ParsedJws => {
  if (proof === undefined || proof === '') throw invalid('Exactly one DPoP proof is needed.')
  if (proof.length > MAXIMUM_PROOF) throw invalid('The proof is too long.')
  const segment = expected?.headerSegment
  return parseCompactJws(proof, {
    embeddedKey: true,
    known:
      expected === undefined || segment === undefined ? undefined : { segment, header: { alg: algOf(expected.key) } },
  })
}

/** > 4. The typ JOSE Header Parameter has the value dpop+jwt. */
const proofType = (header: JwsHeader): void => {
  if (header.typ !== 'dpop+jwt') throw invalid('The typ of the proof is not dpop+jwt.')
}

/** > 5. The alg JOSE Header Parameter is supported by the application. Ours says ES256 in its metadata, and nothing else. */
const supportedAlgorithm = (header: JwsHeader): void => {
  if (header.alg !== 'ES256') throw invalid('The proof must be signed with ES256.')
}

/** > 7. The jwk JOSE Header Parameter does not contain a private key. */
const embeddedKey = (header: JwsHeader): ExpectedKey => {
  const publicJwk = parsePublicJwk(header.jwk)
  return { key: importJwk(header.jwk), jkt: thumbprint(publicJwk), canonicalJwk: canonicalJwk(publicJwk) }
}

const sameAsExpected = (header: JwsHeader, expected: ExpectedKey): boolean => {
  if (!isJsonObject(header.jwk)) return false
  return canonicalJwk(parsePublicJwk(header.jwk)) === expected.canonicalJwk
}

/** RFC 9449 section 7.1: the key of the proof is the key that the token is bound to. */
const provenKey = (parsed: ParsedJws, options: VerifyProofOptions): ExpectedKey => {
  const { expected, expectedJkt } = options
  // INVARIANT: an equal segment was parsed, typed and compared when it was first seen.
  if (expected?.headerSegment !== undefined && expected.headerSegment === parsed.headerSegment) return expected
  proofType(parsed.header)
  supportedAlgorithm(parsed.header)
  if (expected !== undefined) {
    if (!sameAsExpected(parsed.header, expected)) throw keyMismatch()
    return expected
  }
  const key = embeddedKey(parsed.header)
  if (expectedJkt !== undefined && key.jkt !== expectedJkt) throw keyMismatch()
  return key
}

const keyMismatch = () =>
  invalid('The proof was made with another key than the token is bound to.', 'dpop_key_mismatch')

/** > 3. All required claims are contained in the JWT. (section 4.2: jti, htm, htu, iat) */
const requiredClaims = (claims: JsonObject): { jti: string; htm: string; htu: string; iat: number } => {
  const { jti, htm, htu, iat } = claims
  if (typeof jti !== 'string' || jti.length < 8 || jti.length > 256)
    throw invalid('The jti of the proof is not usable.')
  if (typeof htm !== 'string') throw invalid('The proof has no htm.')
  if (typeof htu !== 'string') throw invalid('The proof has no htu.')
  if (typeof iat !== 'number' || !Number.isSafeInteger(iat) || iat < 0)
    throw invalid('The iat of the proof is not usable.')
  return { jti, htm, htu, iat }
}

/** > 8. The htm claim matches the HTTP method of the current request. */
const methodMatches = (htm: string, method: string): void => {
  if (htm !== method) throw invalid('The proof was made for another method.')
}

/** > 9. The htu claim matches the HTTP URI value for the HTTP request, ignoring any query and fragment parts. */
const urlMatches = (htu: string, url: string): void => {
  if (htu !== url && normalizeHtu(htu) !== normalizeHtu(url)) throw invalid('The proof was made for another URL.')
}

/** > 10. If the server provided a nonce value to the client, the nonce claim matches the server-provided nonce value. */
const nonceMatches = (nonce: unknown, rule: NonceRule | undefined): string | undefined => {
  if (nonce !== undefined && (typeof nonce !== 'string' || nonce.length > 256))
    throw invalid('The nonce is not usable.')
  if (rule === undefined) return nonce
  if (nonce === undefined ? rule.required : !rule.accepts(nonce)) {
    throw invalid('Use the nonce of this answer in the next proof.', 'dpop_nonce_required')
  }
  return nonce
}

/** > 11. The creation time of the JWT is within an acceptable window. Both borders are inside. */
const withinWindow = (iat: number, now: number, window: ProofWindow): void => {
  const seconds = now / 1000
  if (iat < seconds - window.pastSeconds || iat > seconds + window.futureSeconds) {
    throw invalid('The proof is too old or from the future.', 'dpop_proof_stale')
  }
}

/** > 12. If presented to a protected resource: ath equals the hash of that access token. */
const tokenMatches = (ath: unknown, expected: string | undefined): void => {
  if (expected !== undefined && ath !== expected) throw invalid('The proof was made for another token.')
}

export const verifyProof = (options: VerifyProofOptions): VerifiedProof => {
  try {
    return verify(options)
  } catch (error) {
    throw asProofError(error)
  }
}

const verify = (options: VerifyProofOptions): VerifiedProof => {
  const parsed = wellFormed(options.proof, options.expected)
  const proven = provenKey(parsed, options)
  const claims = parseJsonObject(parsed.payload, 'jwt_payload_refused', 'payload')
  const { jti, htm, htu, iat } = requiredClaims(claims)
  const window = options.window ?? DEFAULT_WINDOW
  methodMatches(htm, options.method)
  urlMatches(htu, options.url)
  tokenMatches(claims.ath, options.accessTokenHash)
  withinWindow(iat, options.now, window)
  // > 6. The JWT signature verifies with the public key contained in the jwk JOSE Header Parameter.
  checkSignature(proven.key, parsed)
  // Last, so that only the holder of the key is told which nonce to use.
  const nonce = nonceMatches(claims.nonce, options.nonce)
  return {
    key: proven.key,
    jkt: proven.jkt,
    canonicalJwk: proven.canonicalJwk,
    headerSegment: parsed.headerSegment,
    jti,
    iat,
    nonce,
    replayKey: `${proven.jkt}:${jti}`,
    replayUntil: (iat + window.pastSeconds + window.futureSeconds) * 1000,
  }
}
