/** RFC 7662 (introspection) and RFC 7009 (revocation). */
import { z } from 'zod'
import type { AccessTokenClaims } from '../access-token/index.ts'
import { oauthRefused } from './errors.ts'
import type { FormParameters } from './form.ts'
import { type ClientAuthentication, clientAuthentication } from './token-request.ts'

export interface TokenQuery {
  readonly client: ClientAuthentication
  readonly token: string
  /** RFC 7662 section 2.1: a hint, never more. Unknown hints are ignored. */
  readonly hint: 'access_token' | 'refresh_token' | undefined
}

/** RFC 7662 section 2.1 and RFC 7009 section 2.1 have the same form. */
export const parseTokenQuery = (form: FormParameters): TokenQuery => {
  const token = form.get('token')
  if (token === undefined || token.length > 16_384) {
    throw oauthRefused('invalid_request', 'token_missing', 'token is missing or too long.')
  }
  const hint = form.get('token_type_hint')
  return {
    client: clientAuthentication(form),
    token,
    hint: hint === 'access_token' || hint === 'refresh_token' ? hint : undefined,
  }
}

/** INVARIANT: `active` is the boolean true or the token is not active; a string is not a boolean. */
export const IntrospectionResponse = z.discriminatedUnion('active', [
  z.looseObject({
    active: z.literal(true),
    iss: z.string().optional(),
    sub: z.string().optional(),
    aud: z.union([z.string(), z.array(z.string())]).optional(),
    client_id: z.string().optional(),
    jti: z.string().optional(),
    iat: z.number().optional(),
    exp: z.number().optional(),
    scope: z.string().optional(),
    token_type: z.string().optional(),
    cnf: z.looseObject({ jkt: z.string().optional() }).optional(),
  }),
  z.looseObject({ active: z.literal(false) }),
])
export type IntrospectionResponse = z.infer<typeof IntrospectionResponse>

/** > If the token is not active, the server SHOULD NOT include any additional information. (RFC 7662 section 2.2) */
export const INACTIVE = { active: false } as const

export const createIntrospectionResponse = (claims: AccessTokenClaims | undefined): Record<string, unknown> => {
  if (claims === undefined) return { ...INACTIVE }
  return { active: true, token_type: claims.cnf === undefined ? 'Bearer' : 'DPoP', ...claims }
}
