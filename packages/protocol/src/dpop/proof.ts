/** RFC 9449: making a proof. */
import { hash } from 'node:crypto'
import { type JwsSigner, signJws } from '../jose/index.ts'
import { normalizeHtu } from './htu.ts'

export interface ProofClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  /** Epoch seconds. */
  readonly iat: number
  readonly ath?: string
  readonly nonce?: string
}

export interface ProofRequest {
  readonly method: string
  readonly url: string
  /** At least 96 random bits, new for every request (RFC 9449 section 4.2). */
  readonly jti: string
  /** Epoch seconds. */
  readonly iat: number
  /** The token that is presented beside the proof, when there is one. */
  readonly accessToken?: string
  readonly nonce?: string
}

/** RFC 9449 section 4.2: base64url(SHA-256(ASCII(access token))). */
export const accessTokenHash = (token: string): string => hash('sha256', token, 'base64url')

export const proofClaims = (request: ProofRequest): ProofClaims => ({
  jti: request.jti,
  htm: request.method,
  htu: normalizeHtu(request.url),
  iat: request.iat,
  ...(request.accessToken === undefined ? {} : { ath: accessTokenHash(request.accessToken) }),
  ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
})

/** Signs through a signer, so that the key may live in another process. */
export const createProof = (request: ProofRequest & { readonly signer: JwsSigner }): Promise<string> =>
  signJws(request.signer, { typ: 'dpop+jwt', jwk: request.signer.publicJwk }, proofClaims(request))
