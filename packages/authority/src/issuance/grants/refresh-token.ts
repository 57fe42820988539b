/**
 * RFC 6749 section 6 with rotation on every use (OAuth 2.1 section 4.3.1).
 *
 * INVARIANT: a token is used once; its second use revokes the grant with the whole family. It stays bound to the client
 * and to the key it was issued for, and rotation never moves the end of the family.
 */
import { hash } from 'node:crypto'
import type { Row } from '@credence/db'
import { AuthorizationDetails, type GrantId } from '@credence/model'
import { GRANT_TYPES, oauthRefused } from '@credence/protocol/oauth'
import type { Core } from '../../core.ts'
import type { Grant } from '../../grants/grants.ts'
import { mustBeOne, sql } from '../../sql.ts'
import { mayUseGrantType, narrowerDetails, narrowerScope, oneResource } from '../authority-rules.ts'
import type { GrantType, Redemption } from '../plan.ts'

export const refreshHash = (token: string): string => hash('sha256', token, 'base64url')

interface StoredRefresh {
  readonly hash: string
  readonly family: string
  readonly grantId: GrantId
  readonly client: string
  readonly jkt: string | undefined
  readonly resource: string
  readonly scope: readonly string[]
  readonly details: AuthorizationDetails
  readonly expires: number
  readonly used: boolean
}

const fromRow = (row: Row): StoredRefresh => ({
  hash: String(row.hash),
  family: String(row.family),
  grantId: row.grant_id as GrantId,
  client: String(row.client),
  jkt: row.jkt === null ? undefined : String(row.jkt),
  resource: String(row.resource),
  scope: String(row.scope).split(' ').filter(Boolean),
  details: AuthorizationDetails.parse(JSON.parse(String(row.details))),
  expires: Number(row.expires),
  used: row.used !== null,
})

export const findRefresh = async (
  core: Pick<Core, 'db' | 'domain'>,
  token: string,
): Promise<StoredRefresh | undefined> => {
  const [row] = await core.db.read(
    sql('SELECT * FROM refresh_tokens WHERE domain = ? AND hash = ?', core.domain.id, refreshHash(token)),
  )
  return row === undefined ? undefined : fromRow(row)
}

export interface RefreshGrantDeps {
  readonly core: Pick<Core, 'db' | 'domain' | 'clock'>
  readonly findGrant: (id: string) => Promise<Grant | undefined>
  readonly revokeGrant: (id: string, reason: string) => Promise<void>
}

const invalidGrant = (code: string) => oauthRefused('invalid_grant', code, 'The refresh token is not valid.')

/** > The authorization server MUST verify the binding between the refresh token and client identity. */
const boundToClient = (stored: StoredRefresh, { who }: Pick<Redemption, 'who'>): void => {
  if (stored.client !== who.client.clientId) throw invalidGrant('refresh_of_another_client')
}

/** RFC 9449 section 5: bound to the key for public clients; here for all. */
const boundToKey = (stored: StoredRefresh, { proof }: Pick<Redemption, 'proof'>): void => {
  if (stored.jkt !== proof?.jkt) throw invalidGrant('refresh_key_mismatch')
}

const useUp = (core: RefreshGrantDeps['core'], stored: StoredRefresh) =>
  mustBeOne(
    'refresh_used',
    'UPDATE refresh_tokens SET used = ? WHERE domain = ? AND hash = ? AND used IS NULL AND expires > ?',
    core.clock.now(),
    core.domain.id,
    stored.hash,
    core.clock.now(),
  )

export const refreshToken = (deps: RefreshGrantDeps): GrantType<typeof GRANT_TYPES.refreshToken> => ({
  type: GRANT_TYPES.refreshToken,
  prepare: async (redemption) => {
    const { request, who } = redemption
    mayUseGrantType(who.client, GRANT_TYPES.refreshToken)
    const stored = await findRefresh(deps.core, request.refreshToken)
    if (stored === undefined) throw invalidGrant('refresh_unknown')
    boundToClient(stored, redemption)
    const reuse = (): Promise<void> => deps.revokeGrant(stored.grantId, 'refresh token presented twice')
    if (stored.used) {
      await reuse()
      throw invalidGrant('refresh_reused')
    }
    boundToKey(stored, redemption)
    if (stored.expires <= deps.core.clock.now()) throw invalidGrant('refresh_expired')
    const grant = await deps.findGrant(stored.grantId)
    if (grant?.status !== 'active') throw invalidGrant('grant_not_active')
    return {
      subject: grant.subject,
      resource: oneResource(request.authority, stored.resource),
      scope: narrowerScope(request.authority, stored.scope),
      authorizationDetails: narrowerDetails(request.authority, stored.details),
      grant: { id: grant.id, expiresAt: grant.expires },
      consume: [useUp(deps.core, stored)],
      onReuse: reuse,
      refresh: {
        family: stored.family,
        expiresAt: stored.expires,
        // NOTE: a narrower access token does not narrow the family (RFC 6749 section 6).
        scope: stored.scope,
        authorizationDetails: stored.details,
      },
      ...(grant.session === undefined ? {} : { session: grant.session }),
    }
  },
})
