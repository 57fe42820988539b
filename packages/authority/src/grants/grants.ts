/**
 * What a subject allowed an agent. INVARIANT: one grant for one authorization; a grant never grows, and revoked or
 * expired is for ever.
 */
import type { Row, Statement } from '@credence/db'
import { newId, refused } from '@credence/kit'
import { AuthorizationDetails, type GrantId, type Party, type SessionId } from '@credence/model'
import type { Core } from '../core.ts'
import type { NewGrant } from '../ports.ts'
import { sql } from '../sql.ts'

export interface Grant {
  readonly id: GrantId
  readonly subject: Party
  readonly client: string
  readonly agent?: string
  readonly resource: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  readonly status: 'active' | 'revoked' | 'expired'
  readonly session?: SessionId
  readonly evidence: string
  readonly created: number
  readonly expires: number
  readonly revoked?: number
}

export const grantStatements = (
  core: Pick<Core, 'domain' | 'clock' | 'random'>,
  grant: NewGrant,
): { readonly grantId: GrantId; readonly statements: readonly Statement[] } => {
  const grantId = newId('grt', core.random)
  const statement = sql(
    `INSERT INTO grants (domain, id, subject_iss, subject_sub, client, agent, resource, scope, details, status, session,
       evidence, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?)`,
    core.domain.id,
    grantId,
    grant.subject.iss,
    grant.subject.sub,
    grant.clientId,
    grant.agent ?? null,
    grant.resource,
    grant.scope.join(' '),
    JSON.stringify(AuthorizationDetails.parse(grant.authorizationDetails)),
    grant.session ?? null,
    grant.evidence,
    core.clock.now(),
    grant.expiresAt,
  )
  return { grantId, statements: [statement] }
}

const fromRow = (row: Row, now: number): Grant => ({
  id: row.id as GrantId,
  subject: { iss: String(row.subject_iss), sub: String(row.subject_sub) },
  client: String(row.client),
  ...(row.agent === null ? {} : { agent: String(row.agent) }),
  resource: String(row.resource),
  scope: String(row.scope).split(' ').filter(Boolean),
  authorizationDetails: AuthorizationDetails.parse(JSON.parse(String(row.details))),
  status: row.status === 'active' && Number(row.expires) <= now ? 'expired' : (row.status as Grant['status']),
  ...(row.session === null ? {} : { session: row.session as SessionId }),
  evidence: String(row.evidence),
  created: Number(row.created),
  expires: Number(row.expires),
  ...(row.revoked === null ? {} : { revoked: Number(row.revoked) }),
})

type Part = Pick<Core, 'db' | 'domain' | 'clock'>

export const findGrant = async (core: Part, id: string): Promise<Grant | undefined> => {
  const [row] = await core.db.read(sql('SELECT * FROM grants WHERE domain = ? AND id = ?', core.domain.id, id))
  return row === undefined ? undefined : fromRow(row, core.clock.now())
}

export const knownGrant = async (core: Part, id: string): Promise<Grant> => {
  const grant = await findGrant(core, id)
  if (grant === undefined) throw refused('grant_unknown', 'There is no such grant.', { status: 404 })
  return grant
}

export const listGrants = async (
  core: Part,
  filter: { readonly subject?: Party; readonly client?: string } = {},
): Promise<Grant[]> => {
  const where = ['domain = ?']
  const values: string[] = [core.domain.id]
  if (filter.subject !== undefined) {
    where.push('subject_iss = ?', 'subject_sub = ?')
    values.push(filter.subject.iss, filter.subject.sub)
  }
  if (filter.client !== undefined) {
    where.push('client = ?')
    values.push(filter.client)
  }
  const rows = await core.db.read(
    sql(`SELECT * FROM grants WHERE ${where.join(' AND ')} ORDER BY created DESC, id LIMIT 1000`, ...values),
  )
  return rows.map((row) => fromRow(row, core.clock.now()))
}

const AT_MOST = 1000

/** What an agent holds now: neither withdrawn nor expired. */
export const grantsOfAgent = async (core: Part, agent: string): Promise<Grant[]> => {
  const rows = await core.db.read(
    sql(
      `SELECT * FROM grants WHERE domain = ? AND client = ? AND agent = ? AND status = 'active' AND expires > ?
       ORDER BY created DESC, id LIMIT ${AT_MOST}`,
      core.domain.id,
      agent,
      agent,
      core.clock.now(),
    ),
  )
  return rows.map((row) => fromRow(row, core.clock.now()))
}

/** People of this issuer who have allowed something that still counts. */
export const granters = async (core: Part, issuer: string): Promise<string[]> => {
  const rows = await core.db.read(
    sql(
      `SELECT DISTINCT subject_sub FROM grants WHERE domain = ? AND subject_iss = ? AND status = 'active' AND expires > ?`,
      core.domain.id,
      issuer,
      core.clock.now(),
    ),
  )
  return rows.map((row) => String(row.subject_sub))
}

/** Idempotent: a second revocation keeps the time of the first. */
export const revokeGrantStatement = (core: Pick<Core, 'domain' | 'clock'>, id: string): Statement =>
  sql(
    `UPDATE grants SET status = 'revoked', revoked = COALESCE(revoked, ?) WHERE domain = ? AND id = ?`,
    core.clock.now(),
    core.domain.id,
    id,
  )
