/** RFC 6749 section 5.1, RFC 9449 section 5, RFC 9396 section 7: what the token endpoint answers. */
import { z } from 'zod'

export const TokenResponse = z.looseObject({
  access_token: z.string().min(1).max(16_384),
  /** Compared without case (RFC 6749 section 5.1). */
  token_type: z.string().min(1).max(32),
  expires_in: z.int().min(0).optional(),
  refresh_token: z.string().min(1).max(4096).optional(),
  scope: z.string().max(4096).optional(),
  authorization_details: z.array(z.looseObject({ type: z.string() })).optional(),
  issued_token_type: z.string().max(256).optional(),
})
export type TokenResponse = z.infer<typeof TokenResponse>

export interface TokenAnswer {
  readonly accessToken: string
  readonly bound: boolean
  readonly expiresIn: number
  readonly refreshToken?: string
  readonly scope?: readonly string[]
  readonly authorizationDetails?: readonly object[]
}

export const createTokenResponse = (answer: TokenAnswer): Record<string, unknown> => ({
  access_token: answer.accessToken,
  token_type: answer.bound ? 'DPoP' : 'Bearer',
  expires_in: answer.expiresIn,
  ...(answer.refreshToken === undefined ? {} : { refresh_token: answer.refreshToken }),
  ...(answer.scope === undefined || answer.scope.length === 0 ? {} : { scope: answer.scope.join(' ') }),
  ...(answer.authorizationDetails === undefined || answer.authorizationDetails.length === 0
    ? {}
    : { authorization_details: answer.authorizationDetails }),
})

/** RFC 6749 section 5.1. */
export const TOKEN_RESPONSE_HEADERS = { 'cache-control': 'no-store', pragma: 'no-cache' } as const
