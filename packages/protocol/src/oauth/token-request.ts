/** The token endpoint's requests, a schema for each grant; what is asked, never what is allowed. */

import { parseStrict } from '@credence/kit/json'
import { z } from 'zod'
import { isScope } from '../access-token/index.ts'
import { CLIENT_ASSERTION_TYPE } from './client-assertion.ts'
import { oauthRefused } from './errors.ts'
import type { FormParameters } from './form.ts'

export const GRANT_TYPES = {
  authorizationCode: 'authorization_code',
  refreshToken: 'refresh_token',
  clientCredentials: 'client_credentials',
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  deviceCode: 'urn:ietf:params:oauth:grant-type:device_code',
  ciba: 'urn:openid:params:grant-type:ciba',
} as const

const Short = z.string().min(1).max(2048)

/** How the client says who it is; exactly one way. */
export interface ClientAuthentication {
  readonly clientId: string | undefined
  readonly assertion: string | undefined
}

/** What every grant may ask for besides its own parameters. */
export interface RequestedAuthority {
  readonly scope: readonly string[] | undefined
  readonly resources: readonly string[]
  readonly authorizationDetails: readonly unknown[] | undefined
}

export type TokenRequest = {
  readonly client: ClientAuthentication
  readonly authority: RequestedAuthority
} & (
  | {
      readonly grantType: typeof GRANT_TYPES.authorizationCode
      readonly code: string
      readonly redirectUri: string | undefined
      readonly codeVerifier: string | undefined
    }
  | { readonly grantType: typeof GRANT_TYPES.refreshToken; readonly refreshToken: string }
  | { readonly grantType: typeof GRANT_TYPES.clientCredentials }
)

export const parseTokenRequest = (form: FormParameters): TokenRequest => {
  const shared = { client: clientAuthentication(form), authority: requestedAuthority(form) }
  const grantType = form.get('grant_type')
  switch (grantType) {
    case undefined:
      throw oauthRefused('invalid_request', 'grant_type_missing', 'grant_type is missing.')
    case GRANT_TYPES.authorizationCode:
      return {
        ...shared,
        grantType,
        code: required(form, 'code'),
        redirectUri: optional(form, 'redirect_uri'),
        codeVerifier: optional(form, 'code_verifier'),
      }
    case GRANT_TYPES.refreshToken:
      return { ...shared, grantType, refreshToken: required(form, 'refresh_token') }
    case GRANT_TYPES.clientCredentials:
      return { ...shared, grantType }
    default:
      throw oauthRefused('unsupported_grant_type', 'grant_type_unsupported', 'This grant_type is not supported.')
  }
}

const required = (form: FormParameters, name: string): string => {
  const value = optional(form, name)
  if (value === undefined) throw oauthRefused('invalid_request', 'parameter_missing', `${name} is missing.`)
  return value
}

const optional = (form: FormParameters, name: string): string | undefined => {
  const value = form.get(name)
  if (value !== undefined && !Short.safeParse(value).success) {
    throw oauthRefused('invalid_request', 'parameter_too_long', `${name} is too long.`)
  }
  return value
}

/** RFC 6749 section 2.3: no more than one method; secrets are no method of ours. */
export const clientAuthentication = (form: FormParameters): ClientAuthentication => {
  if (form.get('client_secret') !== undefined) {
    throw oauthRefused(
      'invalid_client',
      'client_secret_refused',
      'Client secrets are not used here; use private_key_jwt.',
    )
  }
  const type = form.get('client_assertion_type')
  const assertion = form.get('client_assertion')
  if ((type === undefined) !== (assertion === undefined)) {
    throw oauthRefused('invalid_request', 'client_assertion_incomplete', 'An assertion and its type belong together.')
  }
  if (type !== undefined && type !== CLIENT_ASSERTION_TYPE) {
    throw oauthRefused('invalid_client', 'client_assertion_type_unknown', 'This kind of client assertion is not known.')
  }
  return { clientId: optional(form, 'client_id'), assertion }
}

export const parseScope = (text: string | undefined): readonly string[] | undefined => {
  if (text === undefined) return undefined
  if (!isScope(text)) throw oauthRefused('invalid_scope', 'scope_malformed', 'scope is malformed.')
  return [...new Set(text.split(' '))]
}

const MAXIMUM_RESOURCES = 8

/** RFC 8707 section 2: an absolute URI without fragment. */
export const isResourceIdentifier = (text: string): boolean =>
  text.length <= 2048 && !text.includes('#') && URL.canParse(text) && /^https?:\/\//.test(text)

const requestedAuthority = (form: FormParameters): RequestedAuthority => {
  const resources = form.all('resource')
  if (resources.length > MAXIMUM_RESOURCES || !resources.every(isResourceIdentifier)) {
    throw oauthRefused('invalid_target', 'resource_malformed', 'resource must be an absolute URL without fragment.')
  }
  return {
    scope: parseScope(form.get('scope')),
    resources: [...new Set(resources)],
    authorizationDetails: parseAuthorizationDetails(form.get('authorization_details')),
  }
}

/** RFC 9396 section 2: a JSON array of objects with a `type`. What a type means is not known here. */
export const parseAuthorizationDetails = (text: string | undefined): readonly unknown[] | undefined => {
  if (text === undefined) return undefined
  const malformed = (cause: string) =>
    oauthRefused(
      'invalid_authorization_details',
      'authorization_details_malformed',
      'authorization_details is malformed.',
      {
        detail: cause,
      },
    )
  if (text.length > 65_536) throw malformed('too long')
  let value: unknown
  try {
    value = parseStrict(text)
  } catch (cause) {
    throw malformed(String(cause))
  }
  const parsed = z
    .array(z.looseObject({ type: Short }))
    .min(1)
    .max(32)
    .safeParse(value)
  if (!parsed.success) throw malformed(parsed.error.message)
  return parsed.data
}
