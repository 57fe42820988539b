/**
 * RFC 7662. INVARIANT: only an authenticated node or the domain's own operator may ask; a token of another audience than
 * the asker serves, and anything that is not known to be good, is `{"active": false}` and nothing else.
 */
import { isCredenceError } from '@credence/kit'
import { type AccessTokenClaims, verifyAccessToken } from '@credence/protocol/access-token'
import { createIntrospectionResponse } from '@credence/protocol/oauth'
import type { Core } from '../core.ts'
import type { SigningKeys } from '../keys/signing-keys.ts'
import type { KnownAgent } from '../registry/directory.ts'
import { sql } from '../sql.ts'

export interface IntrospectDeps {
  readonly core: Pick<Core, 'db' | 'domain' | 'clock'>
  readonly signingKeys: SigningKeys
  /** Audiences that this asker may be told of. */
  readonly audiencesOf: (asker: KnownAgent) => readonly string[]
}

const verified = (token: string, audiences: readonly string[], deps: IntrospectDeps): AccessTokenClaims | undefined => {
  try {
    return verifyAccessToken({
      token,
      issuer: deps.core.domain.issuer,
      audience: audiences,
      keys: (kid) => deps.signingKeys.find(kid)?.publicKey,
      now: deps.core.clock.now(),
      skewSeconds: 0,
      bearer: 'allowed',
    }).claims
  } catch (error) {
    if (isCredenceError(error) && error.kind === 'refused') return undefined
    throw error
  }
}

/** The row, the grant and the agent of the token, as they are now. */
const stands = async (claims: AccessTokenClaims, deps: IntrospectDeps): Promise<boolean> => {
  const { db, domain } = deps.core
  if (claims.credence?.epoch !== domain.epoch) return false
  const [row] = await db.read(
    sql(
      `SELECT t.revoked AS revoked, g.status AS grant_status, a.status AS agent_status FROM tokens t
       LEFT JOIN grants g ON g.domain = t.domain AND g.id = t.grant_id
       LEFT JOIN agents a ON a.domain = t.domain AND a.id = t.agent
       WHERE t.domain = ? AND t.jti = ?`,
      domain.id,
      claims.jti,
    ),
  )
  if (row === undefined || row.revoked !== null) return false
  return (row.grant_status ?? 'active') === 'active' && (row.agent_status ?? 'active') === 'active'
}

export const introspect = async (
  token: string,
  asker: KnownAgent,
  revokedByFeed: (claims: AccessTokenClaims) => Promise<boolean>,
  deps: IntrospectDeps,
): Promise<Record<string, unknown>> => {
  const claims = verified(token, deps.audiencesOf(asker), deps)
  if (claims === undefined || !(await stands(claims, deps)) || (await revokedByFeed(claims))) {
    return createIntrospectionResponse(undefined)
  }
  return createIntrospectionResponse(claims)
}
