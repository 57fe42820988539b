/**
 * Withdrawal: the row, the entry of the feed and, when the ledger cannot be written, the record, in one batch.
 *
 * INVARIANT: keys are spelled by `revocationKey` alone, and a batch here only takes authority away, so that it may use
 * the space that is kept back for a full disk.
 */
import type { Statement } from '@credence/db'
import { refused } from '@credence/kit'
import { type Party, revocationKey } from '@credence/model'
import type { Core } from '../core.ts'
import { revokeGrantStatement } from '../grants/grants.ts'
import { sql } from '../sql.ts'

export const revocationTables: readonly string[] = [
  `CREATE TABLE blocked_keys (
    domain TEXT NOT NULL,
    revocation_key TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (domain, revocation_key)
  )`,
]

export type Revocable =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'grant'; readonly id: string }
  | { readonly kind: 'agent'; readonly id: string }
  | { readonly kind: 'subject'; readonly party: Party }
  | { readonly kind: 'owner'; readonly id: string }
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'key'; readonly jkt: string }

type Part = Pick<Core, 'db' | 'domain' | 'clock' | 'publish'>

const revoked = (core: Part, keys: readonly string[], reason: string): readonly Statement[] =>
  core.publish({ kind: 'revoked', keys, reason })

/** What is blocked stays refused for tokens that are still to be minted, not only for those that are out. */
const block = (core: Part, key: string): Statement =>
  sql(
    'INSERT INTO blocked_keys (domain, revocation_key, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    core.domain.id,
    key,
    core.clock.now(),
  )

const suspend = (core: Part, column: 'id' | 'owner', value: string): Statement =>
  sql(
    `UPDATE agents SET status = 'suspended', version = version + 1, changed = ?
     WHERE domain = ? AND ${column} = ? AND status = 'active'`,
    core.clock.now(),
    core.domain.id,
    value,
  )

const revokeGrantsOf = (core: Part, column: 'client' | 'agent' | 'session', value: string): Statement =>
  sql(
    `UPDATE grants SET status = 'revoked', revoked = ? WHERE domain = ? AND ${column} = ? AND status = 'active'`,
    core.clock.now(),
    core.domain.id,
    value,
  )

const ofToken = async (core: Part, jti: string, reason: string): Promise<readonly Statement[]> => [
  sql(
    'UPDATE tokens SET revoked = COALESCE(revoked, ?) WHERE domain = ? AND jti = ?',
    core.clock.now(),
    core.domain.id,
    jti,
  ),
  ...revoked(core, [revocationKey.token(jti)], reason),
]

const ofGrant = async (core: Part, id: string, reason: string): Promise<readonly Statement[]> => [
  revokeGrantStatement(core, id),
  ...revoked(core, [revocationKey.grant(id)], reason),
]

/** An agent that is revoked is also suspended: otherwise its next token would be minutes away. */
const ofAgent = async (core: Part, id: string, reason: string): Promise<readonly Statement[]> => {
  const [agent] = await core.db.read(sql('SELECT status FROM agents WHERE domain = ? AND id = ?', core.domain.id, id))
  const stopped: readonly Statement[] =
    agent?.status === 'active'
      ? [suspend(core, 'id', id), ...core.publish({ kind: 'agent', agent: id, status: 'suspended' })]
      : []
  return [
    ...stopped,
    revokeGrantsOf(core, 'agent', id),
    // NOTE: a client known by its metadata document is no agent of ours, and its grants name it alone.
    revokeGrantsOf(core, 'client', id),
    ...revoked(core, [revocationKey.agent(id), revocationKey.client(id)], reason),
  ]
}

/** INVARIANT: sessions go first, so that none of them makes a grant or an invitation which this batch does not see. */
const ofSubject = async (core: Part, party: Party, reason: string): Promise<readonly Statement[]> => [
  ...(party.iss === core.domain.issuer
    ? [signOut(core, 'person_id', party.sub), voidInvitations(core, party.sub)]
    : []),
  sql(
    `UPDATE grants SET status = 'revoked', revoked = ?
     WHERE domain = ? AND subject_iss = ? AND subject_sub = ? AND status = 'active'`,
    core.clock.now(),
    core.domain.id,
    party.iss,
    party.sub,
  ),
  ...revoked(core, [revocationKey.party(party)], reason),
]

/** INVARIANT: of all agents of the owner, whatever their status: what is suspended can be resumed. */
const revokeGrantsOfOwner = (core: Part, owner: string): Statement =>
  sql(
    `UPDATE grants SET status = 'revoked', revoked = ? WHERE domain = ? AND status = 'active'
     AND agent IN (SELECT id FROM agents WHERE domain = ? AND owner = ?)`,
    core.clock.now(),
    core.domain.id,
    core.domain.id,
    owner,
  )

/** Whoever holds the cookie could allow the next thing. */
const signOut = (core: Part, column: 'person_id' | 'session_id', value: string): Statement =>
  sql(`DELETE FROM people_sessions WHERE domain = ? AND ${column} = ?`, core.domain.id, value)

/** Whoever took over a session could come back as the person whom it invited. */
const voidInvitations = (core: Part, person: string): Statement =>
  sql('DELETE FROM people_links WHERE domain = ? AND created_by = ?', core.domain.id, person)

/** NOTE: a link does not say which session made it: all of its person go. */
const voidInvitationsOfSession = (core: Part, id: string): Statement =>
  sql(
    `DELETE FROM people_links WHERE domain = ?
     AND created_by IN (SELECT person_id FROM people_sessions WHERE domain = ? AND session_id = ?)`,
    core.domain.id,
    core.domain.id,
    id,
  )

const ofOwner = async (core: Part, owner: string, reason: string): Promise<readonly Statement[]> => {
  const agents = await core.db.read(
    sql(`SELECT id FROM agents WHERE domain = ? AND owner = ? AND status = 'active'`, core.domain.id, owner),
  )
  const entries = agents.flatMap(({ id }) => core.publish({ kind: 'agent', agent: String(id), status: 'suspended' }))
  return [
    suspend(core, 'owner', owner),
    revokeGrantsOfOwner(core, owner),
    ...entries,
    ...revoked(core, [revocationKey.owner(owner)], reason),
  ]
}

const ofSession = async (core: Part, id: string, reason: string): Promise<readonly Statement[]> => [
  // NOTE: holds the row, so that an invitation which is just being made is there when the next statement looks.
  sql('UPDATE people_sessions SET expires_at = 0 WHERE domain = ? AND session_id = ?', core.domain.id, id),
  voidInvitationsOfSession(core, id),
  signOut(core, 'session_id', id),
  revokeGrantsOf(core, 'session', id),
  block(core, revocationKey.session(id)),
  ...revoked(core, [revocationKey.session(id)], reason),
]

const ofKey = async (core: Part, jkt: string, reason: string): Promise<readonly Statement[]> => [
  block(core, revocationKey.proofKey(jkt)),
  ...revoked(core, [revocationKey.proofKey(jkt)], reason),
]

/** The statements of one withdrawal. Idempotent: what is revoked already is published again and stays as it is. */
export const revocationStatements = (core: Part, what: Revocable, reason: string): Promise<readonly Statement[]> => {
  switch (what.kind) {
    case 'token':
      return ofToken(core, what.id, reason)
    case 'grant':
      return ofGrant(core, what.id, reason)
    case 'agent':
      return ofAgent(core, what.id, reason)
    case 'subject':
      return ofSubject(core, what.party, reason)
    case 'owner':
      return ofOwner(core, what.id, reason)
    case 'session':
      return ofSession(core, what.id, reason)
    case 'key':
      return ofKey(core, what.jkt, reason)
    default:
      throw refused('revocable_unknown', 'That cannot be revoked.', { status: 400 })
  }
}

/** The name under which the record and the answer speak of it. */
export const revocableName = (what: Revocable): string => {
  if (what.kind === 'subject') return revocationKey.party(what.party)
  return what.kind === 'key' ? what.jkt : what.id
}
