/** RFC 6749 (as OAuth 2.1 draft 13 leaves it), 7009, 7523, 7636, 7662, 8414, 8707 and 9396: requests and answers. */
export {
  CLIENT_ASSERTION_TYPE,
  type ClientAssertionRequest,
  createClientAssertion,
  type PresentedAssertion,
  readClientAssertion,
  type VerifiedClientAssertion,
  type VerifyClientAssertionOptions,
  verifyClientAssertion,
} from './client-assertion.ts'
export { type OAuthErrorBody, type OAuthErrorCode, oauthErrorBody, oauthRefused, oauthStatus } from './errors.ts'
export { type FormParameters, formParameters } from './form.ts'
export {
  createIntrospectionResponse,
  INACTIVE,
  IntrospectionResponse,
  parseTokenQuery,
  type TokenQuery,
} from './introspection.ts'
export {
  createServerMetadata,
  isIssuer,
  isLoopbackHost,
  metadataUrls,
  parseServerMetadata,
  requireS256,
  ServerMetadata,
  type ServerMetadataFacts,
} from './metadata.ts'
export { checkCodeVerifier, codeChallenge, isCodeChallenge, isCodeVerifier } from './pkce.ts'
export {
  type ClientAuthentication,
  clientAuthentication,
  GRANT_TYPES,
  isResourceIdentifier,
  parseAuthorizationDetails,
  parseScope,
  parseTokenRequest,
  type RequestedAuthority,
  type TokenRequest,
} from './token-request.ts'
export { createTokenResponse, TOKEN_RESPONSE_HEADERS, type TokenAnswer, TokenResponse } from './token-response.ts'
