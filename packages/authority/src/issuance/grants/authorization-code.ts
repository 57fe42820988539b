/** RFC 6749 section 4.1.3 with PKCE (RFC 7636), resource (RFC 8707) and DPoP binding of the code (RFC 9449 section 10). */
import { type Clock, newId, type Random, toBase64url } from '@credence/kit'
import type { Party } from '@credence/model'
import { checkCodeVerifier, GRANT_TYPES, oauthRefused } from '@credence/protocol/oauth'
import { REFRESH_DAYS } from '../../config.ts'
import type { Grant } from '../../grants/grants.ts'
import type { Codes, RedeemableCode } from '../../ports.ts'
import { mayUseGrantType, narrowerDetails, narrowerScope, oneResource } from '../authority-rules.ts'
import type { GrantType, Plan, Redemption, RefreshPlan } from '../plan.ts'

type CodeRedemption = Redemption<typeof GRANT_TYPES.authorizationCode>

export interface CodeGrantDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly codes: Codes
  readonly findGrant: (id: string) => Promise<Grant | undefined>
  /** Revokes the grant with everything issued from it. */
  readonly revokeGrant: (id: string, reason: string) => Promise<void>
  readonly issuer: Party
}

const invalidGrant = (code: string, message: string) => oauthRefused('invalid_grant', code, message)

/** > The authorization server MUST ensure that the authorization code was issued to the authenticated client. */
const issuedToClient = (code: RedeemableCode, { who }: CodeRedemption): void => {
  if (code.clientId !== who.client.clientId) throw invalidGrant('code_of_another_client', 'The code is not valid.')
}

const notExpired = (code: RedeemableCode, now: number): void => {
  if (code.expiresAt <= now) throw invalidGrant('code_expired', 'The code is not valid.')
}

/** OAuth 2.1 draft 13 section 4.1.3: byte for byte, and not left out when it was sent. */
const sameRedirect = (code: RedeemableCode, { request }: CodeRedemption): void => {
  if (request.redirectUri !== undefined && request.redirectUri !== code.redirectUri) {
    throw invalidGrant('redirect_uri_mismatch', 'redirect_uri is not the one of the authorization request.')
  }
}

/** RFC 9449 section 10: a code that is bound to a key is redeemed with that key. Checked before the code is used up. */
const sameKey = (code: RedeemableCode, { proof }: CodeRedemption): void => {
  if (code.dpopJkt !== undefined && proof?.jkt !== code.dpopJkt) {
    throw invalidGrant('dpop_jkt_mismatch', 'The code is bound to another key.')
  }
}

const liveGrant = async (code: RedeemableCode, deps: CodeGrantDeps): Promise<Grant> => {
  const grant = await deps.findGrant(code.grantId)
  if (grant?.status !== 'active') throw invalidGrant('grant_not_active', 'What was allowed is no longer in force.')
  return grant
}

const refreshPlan = (
  redemption: CodeRedemption,
  grant: Grant,
  plan: Plan,
  deps: CodeGrantDeps,
): RefreshPlan | undefined => {
  if (!redemption.who.client.grantTypes.includes(GRANT_TYPES.refreshToken)) return undefined
  return {
    family: newId('rfm', deps.random),
    expiresAt: Math.min(grant.expires, deps.clock.now() + REFRESH_DAYS * 86_400_000),
    scope: plan.scope,
    authorizationDetails: plan.authorizationDetails,
  }
}

/** RFC 6749 section 4.1.2: a code that comes twice is stolen by one of the two; what came of it is revoked. */
const reuse = (code: RedeemableCode, deps: CodeGrantDeps) => async (): Promise<void> =>
  deps.revokeGrant(code.grantId, 'authorization code presented twice')

export const authorizationCode = (deps: CodeGrantDeps): GrantType<typeof GRANT_TYPES.authorizationCode> => ({
  type: GRANT_TYPES.authorizationCode,
  prepare: async (redemption) => {
    const { request, who } = redemption
    mayUseGrantType(who.client, GRANT_TYPES.authorizationCode)
    const code = await deps.codes.find(request.code)
    if (code === undefined) throw invalidGrant('code_unknown', 'The code is not valid.')
    issuedToClient(code, redemption)
    if (code.consumed) {
      await reuse(code, deps)()
      throw invalidGrant('code_consumed', 'The code is not valid.')
    }
    notExpired(code, deps.clock.now())
    sameRedirect(code, redemption)
    checkCodeVerifier(code.codeChallenge, request.codeVerifier)
    sameKey(code, redemption)
    const grant = await liveGrant(code, deps)
    const plan: Plan = {
      subject: code.subject,
      resource: oneResource(request.authority, code.resource),
      scope: narrowerScope(request.authority, code.scope),
      authorizationDetails: narrowerDetails(request.authority, code.authorizationDetails),
      grant: { id: grant.id, expiresAt: grant.expires },
      consume: [deps.codes.consumeStatement(request.code)],
      onReuse: reuse(code, deps),
      ...(code.session === undefined ? {} : { session: code.session }),
      ...(code.scope.includes('openid') ? { idToken: idTokenFacts(code) } : {}),
    }
    const refresh = refreshPlan(redemption, grant, plan, deps)
    return refresh === undefined ? plan : { ...plan, refresh }
  },
})

const idTokenFacts = ({ nonce, authTime }: RedeemableCode): NonNullable<Plan['idToken']> => ({
  ...(nonce === undefined ? {} : { nonce }),
  ...(authTime === undefined ? {} : { authTime }),
})

export const newRefreshToken = (random: Random): string => `crt_${toBase64url(random.bytes(32))}`
