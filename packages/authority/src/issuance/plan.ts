/** What a grant type answers with: everything checked, nothing changed yet. Adding one is a file and a registration. */
import type { Statement } from '@credence/db'
import type { AuthorizationDetails, GrantId, Party, SessionId } from '@credence/model'
import type { VerifiedProof } from '@credence/protocol/dpop'
import type { TokenRequest } from '@credence/protocol/oauth'
import type { AuthenticatedClient } from './authenticate-client.ts'

export interface Redemption<Type extends TokenRequest['grantType'] = TokenRequest['grantType']> {
  readonly who: AuthenticatedClient
  readonly proof: VerifiedProof | undefined
  readonly request: Extract<TokenRequest, { readonly grantType: Type }>
}

/** A refresh token that is to be issued: a new family member, or the next of a family. */
export interface RefreshPlan {
  readonly family: string
  /** Epoch milliseconds; never beyond the grant, never moved by rotation. */
  readonly expiresAt: number
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
}

export interface Plan {
  readonly subject: Party
  readonly resource: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  readonly grant?: { readonly id: GrantId; readonly expiresAt: number }
  readonly session?: SessionId
  readonly refresh?: RefreshPlan
  /** One-time things that are used up in the minting batch. */
  readonly consume: readonly Statement[]
  /** A one-time thing was used before: what follows from it (the grant and its tokens are revoked). */
  readonly onReuse?: (conflict: string) => Promise<void>
  /**
   * INVARIANT: true only of a token with which authority can be taken away and nothing else be done. To issue it is then
   * itself an act that only reduces authority: it goes through while the ledger cannot be written.
   */
  readonly reduces?: boolean
  /** OpenID Connect: an ID token is wanted. */
  readonly idToken?: { readonly nonce?: string; readonly authTime?: number }
}

export interface GrantType<Type extends TokenRequest['grantType'] = TokenRequest['grantType']> {
  readonly type: Type
  prepare(redemption: Redemption<Type>): Promise<Plan>
}
