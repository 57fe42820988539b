/** The registration: a grant type that is not in this list does not exist. */
import type { TokenRequest } from '@credence/protocol/oauth'
import type { GrantType, Plan, Redemption } from '../plan.ts'
import { authorizationCode, type CodeGrantDeps } from './authorization-code.ts'
import { type ClientCredentialsDeps, clientCredentials } from './client-credentials.ts'
import { type RefreshGrantDeps, refreshToken } from './refresh-token.ts'

export interface GrantDeps {
  readonly code: CodeGrantDeps
  readonly refresh: RefreshGrantDeps
  readonly own: ClientCredentialsDeps
}

type Table = { readonly [Type in TokenRequest['grantType']]: GrantType<Type> }

export const grantTypes = (deps: GrantDeps): Table => ({
  authorization_code: authorizationCode(deps.code),
  refresh_token: refreshToken(deps.refresh),
  client_credentials: clientCredentials(deps.own),
})

export const prepare = (table: Table, redemption: Redemption): Promise<Plan> => {
  const grantType = table[redemption.request.grantType] as GrantType
  return grantType.prepare(redemption)
}
