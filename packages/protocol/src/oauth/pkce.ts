/** RFC 7636, method S256 only. `plain` does not exist here. */
import { hash, timingSafeEqual } from 'node:crypto'
import { oauthRefused } from './errors.ts'

/** RFC 7636 section 4.1: 43 to 128 unreserved characters. */
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/
/** 43 characters of base64url are 256 bits; the last character carries two zero bits. */
const CHALLENGE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

export const isCodeVerifier = (text: string): boolean => VERIFIER.test(text)
export const isCodeChallenge = (text: string): boolean => CHALLENGE.test(text)

/** RFC 7636 section 4.2: BASE64URL-ENCODE(SHA256(ASCII(code_verifier))). */
export const codeChallenge = (verifier: string): string => hash('sha256', verifier, 'base64url')

/**
 * RFC 7636 section 4.6, RFC 9700 section 2.1.1: a verifier without a challenge is a downgrade and refused as well.
 */
export const checkCodeVerifier = (challenge: string | undefined, verifier: string | undefined): void => {
  const good =
    challenge !== undefined &&
    verifier !== undefined &&
    isCodeVerifier(verifier) &&
    isCodeChallenge(challenge) &&
    timingSafeEqual(Buffer.from(codeChallenge(verifier)), Buffer.from(challenge))
  if (!good) throw oauthRefused('invalid_grant', 'code_verifier_refused', 'The code_verifier does not fit the code.')
}
