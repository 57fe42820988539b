/** OpenID Connect Core section 2, the little of it that a client library checks: for sign-in, never for access. */
import type { KeyObject } from 'node:crypto'
import { signCompactJws } from '@credence/protocol/jose'
import type { TokenFacts } from './claims.ts'

const ID_TOKEN_SECONDS = 300

export const idToken = (
  signingKey: () => { readonly privateKey: KeyObject; readonly kid: string },
  wanted: { readonly nonce?: string; readonly authTime?: number },
  facts: TokenFacts,
): string => {
  const key = signingKey()
  const claims = {
    iss: facts.issuer,
    sub: facts.subject.sub,
    aud: facts.clientId,
    iat: facts.issuedAt,
    exp: facts.issuedAt + ID_TOKEN_SECONDS,
    ...(wanted.nonce === undefined ? {} : { nonce: wanted.nonce }),
    ...(wanted.authTime === undefined ? {} : { auth_time: wanted.authTime }),
  }
  return signCompactJws(key.privateKey, { typ: 'JWT', kid: key.kid }, claims)
}
