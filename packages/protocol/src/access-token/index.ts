/** RFC 9068: JWT access tokens. */
export { AccessTokenClaims, ActClaim, Confirmation, CredenceClaim } from './claims.ts'
export { type AccessTokenCode, type ClaimExpectations, claimRules, isScope, tokenRefused } from './rules.ts'
export {
  ACCESS_TOKEN_TYPE,
  parseAccessToken,
  signAccessToken,
  type VerifiedAccessToken,
  type VerifyAccessTokenOptions,
  verifyAccessToken,
} from './verify.ts'
