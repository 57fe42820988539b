/** RFC 6749 section 5.2 and its extensions: the error codes of our endpoints, and the body that carries one. */
import { type CredenceError, type ErrorOptions, refused } from '@credence/kit'

export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'access_denied'
  | 'server_error'
  | 'temporarily_unavailable'
  /** RFC 8707 section 2 */
  | 'invalid_target'
  /** RFC 9396 section 5 */
  | 'invalid_authorization_details'
  /** RFC 9449 sections 5 and 8 */
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  /** RFC 7009 section 2.2.1 */
  | 'unsupported_token_type'
  /** RFC 8628 section 3.5 */
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  /** RFC 6750 section 3.1, RFC 9470 section 3 */
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'

const STATUS: Partial<Record<OAuthErrorCode, number>> = {
  invalid_client: 401,
  invalid_token: 401,
  use_dpop_nonce: 400,
  access_denied: 403,
  insufficient_scope: 403,
  insufficient_user_authentication: 401,
  server_error: 500,
  temporarily_unavailable: 503,
}

export const oauthStatus = (error: OAuthErrorCode): number => STATUS[error] ?? 400

/** A refusal that leaves as an OAuth error. `code` is ours and more exact than the standard's. */
export const oauthRefused = (
  error: OAuthErrorCode,
  code: string,
  message: string,
  options: Omit<ErrorOptions, 'standard'> = {},
): CredenceError => refused(code, message, { status: oauthStatus(error), ...options, standard: error })

/** RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E only, so that no text can leave its member. */
const printable = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?').slice(0, 500)

export interface OAuthErrorBody {
  readonly error: string
  readonly error_description: string
}

export const oauthErrorBody = (error: CredenceError, fallback: OAuthErrorCode = 'invalid_request'): OAuthErrorBody => ({
  error: error.kind === 'refused' ? (error.standard ?? fallback) : unavailableCode(error),
  error_description: printable(error.message),
})

const unavailableCode = (error: CredenceError): OAuthErrorCode =>
  error.kind === 'unavailable' ? 'temporarily_unavailable' : 'server_error'
