/** RFC 9449: demonstrating proof of possession. */
export { normalizeHtu } from './htu.ts'
export { createNonce, type NoncePurpose, verifyNonce } from './nonce.ts'
export { accessTokenHash, createProof, type ProofClaims, type ProofRequest, proofClaims } from './proof.ts'
export {
  DEFAULT_WINDOW,
  type DpopCode,
  type ExpectedKey,
  type NonceRule,
  type ProofWindow,
  type VerifiedProof,
  type VerifyProofOptions,
  verifyProof,
} from './verify.ts'
