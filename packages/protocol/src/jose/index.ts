/** RFC 7515, 7517, 7518, 7519, 7638 and 8725: signed objects and public keys. */
export { algOf, type JwsAlg, signBytes, verifyBytes } from './algorithm.ts'
export type { JoseCode } from './errors.ts'
export { isJsonObject, type JsonObject } from './json.ts'
export { canonicalJwk, importJwk, PublicJwk, parsePublicJwk, publicJwkOf, thumbprint } from './jwk.ts'
export { createJwkSet, type JwkSet, parseJwkSet, type VerificationKey } from './jwk-set.ts'
export {
  type JwsHeader,
  type JwsSigner,
  type ParsedJws,
  parseCompactJws,
  signCompactJws,
  signerOf,
  signJws,
  type VerifiedJws,
  type VerifiedJwt,
  type VerifyOptions,
  verifyCompactJws,
  verifyJwt,
  verifyParsedJws,
} from './jws.ts'
