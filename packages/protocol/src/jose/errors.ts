import { type CredenceError, refused } from '@credence/kit'

/** Why a signed object was refused. All leave as 401 unless the caller knows better (`invalid_client`, `invalid_dpop_proof`). */
export type JoseCode =
  | 'jws_malformed'
  | 'jws_header_refused'
  | 'jws_type_refused'
  | 'jws_algorithm_refused'
  | 'jws_key_unknown'
  | 'jws_signature_invalid'
  | 'jwt_payload_refused'
  | 'jwk_refused'
  | 'jwk_set_refused'

export const jwsRefused = (code: JoseCode, message: string, detail?: string): CredenceError =>
  refused(code, message, { status: 401, ...(detail === undefined ? {} : { detail }) })
