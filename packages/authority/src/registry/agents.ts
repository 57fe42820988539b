/**
 * Agents: registered, owned, with one SPIFFE identifier for life.
 *
 * INVARIANT: a row is never deleted and an identifier never reused; `retired` is for ever. Every change raises
 * `version`, which the minting batch compares, so that a remembered agent cannot be used after it changed.
 */
import type { Row, Statement } from '@credence/db'
import { newId, refused } from '@credence/kit'
import type { AgentId, OwnerId } from '@credence/model'
import { importJwk, parsePublicJwk, thumbprint } from '@credence/protocol/jose'
import type { Core } from '../core.ts'
import type { PublicJwk } from '../ports.ts'
import { mustBeOne, sql } from '../sql.ts'

export type AgentStatus = 'active' | 'suspended' | 'retired'

/** `operator` administers, `node` feeds and records; both are made by the domain itself or its operator. */
export type AgentRole = 'agent' | 'operator' | 'node'

/** Takes authority away and does nothing else: of the endpoints of `/v1`, those with `reduces`. */
export const REVOKE_SCOPE = 'revoke'

/** Scopes of the domain's own interface that an agent of this role may be given. */
export const ROLE_SCOPES: Readonly<Record<AgentRole, readonly string[]>> = {
  agent: ['decide'],
  operator: ['admin', 'decide', 'node', REVOKE_SCOPE],
  node: ['node', 'decide'],
}

export interface Agent {
  readonly id: AgentId
  readonly name: string
  readonly owner: OwnerId
  readonly ownerName: string
  readonly spiffeId: string
  readonly status: AgentStatus
  readonly version: number
  readonly role: AgentRole
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
  /** Groups of agents that policies speak of; said by whoever administers the domain. */
  readonly groups: readonly string[]
  readonly keys: readonly PublicJwk[]
  readonly created: number
  readonly changed: number
}

export interface NewAgent {
  readonly name: string
  readonly owner: OwnerId
  readonly keys: readonly PublicJwk[]
  readonly redirectUris?: readonly string[]
  readonly grantTypes?: readonly string[]
  readonly role?: AgentRole
  readonly groups?: readonly string[]
}

const SELECT = `SELECT a.*, o.name AS owner_name FROM agents a JOIN owners o ON o.domain = a.domain AND o.id = a.owner`
const list = (text: unknown): string[] => JSON.parse(String(text)) as string[]

const fromRow = (row: Row): Agent => ({
  id: row.id as AgentId,
  name: String(row.name),
  owner: row.owner as OwnerId,
  ownerName: String(row.owner_name),
  spiffeId: String(row.spiffe_id),
  status: row.status as AgentStatus,
  version: Number(row.version),
  role: row.role as AgentRole,
  redirectUris: list(row.redirect_uris),
  grantTypes: list(row.grant_types),
  groups: list(row.member_of),
  keys: JSON.parse(String(row.jwks)) as PublicJwk[],
  created: Number(row.created),
  changed: Number(row.changed),
})

/** Only the public members, checked to be a P-256 point; `kid` is the thumbprint. */
export const acceptKey = (jwk: unknown): PublicJwk => {
  const given = jwk as Record<string, unknown>
  if (given !== null && typeof given === 'object' && 'd' in given) {
    throw refused('private_key_sent', 'Send the public key only; treat this private key as compromised.', {
      status: 400,
    })
  }
  if (given?.kty !== 'EC' || given.crv !== 'P-256') {
    throw refused('key_type', 'Keys of agents are P-256 (ES256).', { status: 400 })
  }
  const { kty, crv, x, y } = given
  const key = parsePublicJwk({ kty, crv, x, y })
  importJwk(key)
  return { ...key, kid: thumbprint(key) }
}

export const spiffeId = (trustDomain: string, agent: string): string => `spiffe://${trustDomain}/agent/${agent}`

/** The agent and the statements that make it and tell every node of it; nothing is written here. */
export const newAgent = (
  core: Pick<Core, 'domain' | 'clock' | 'random' | 'publish'>,
  wanted: NewAgent,
): { readonly id: AgentId; readonly spiffeId: string; readonly statements: readonly Statement[] } => {
  const id = newId('agt', core.random)
  const spiffe = spiffeId(core.domain.trustDomain, id)
  const now = core.clock.now()
  const statement = sql(
    `INSERT INTO agents (domain, id, name, owner, spiffe_id, status, version, role, redirect_uris, grant_types, jwks,
       member_of, created, changed) VALUES (?, ?, ?, ?, ?, 'active', 1, ?, ?, ?, ?, ?, ?, ?)`,
    core.domain.id,
    id,
    wanted.name,
    wanted.owner,
    spiffe,
    wanted.role ?? 'agent',
    JSON.stringify(wanted.redirectUris ?? []),
    JSON.stringify(wanted.grantTypes ?? ['client_credentials', 'authorization_code', 'refresh_token']),
    JSON.stringify(wanted.keys.map(acceptKey)),
    JSON.stringify(sortedOnce(wanted.groups ?? [])),
    now,
    now,
  )
  return {
    id,
    spiffeId: spiffe,
    statements: [statement, ...core.publish({ kind: 'agent', agent: id, status: 'active' })],
  }
}

export const findAgent = async (core: Pick<Core, 'db' | 'domain'>, id: string): Promise<Agent | undefined> => {
  const [row] = await core.db.read(sql(`${SELECT} WHERE a.domain = ? AND a.id = ?`, core.domain.id, id))
  return row === undefined ? undefined : fromRow(row)
}

export const knownAgent = async (core: Pick<Core, 'db' | 'domain'>, id: string): Promise<Agent> => {
  const agent = await findAgent(core, id)
  if (agent === undefined) throw refused('agent_unknown', 'There is no such agent.', { status: 404 })
  return agent
}

export const listAgents = async (core: Pick<Core, 'db' | 'domain'>, owner?: string): Promise<Agent[]> => {
  const rows = await core.db.read(
    owner === undefined
      ? sql(`${SELECT} WHERE a.domain = ? ORDER BY a.created, a.id`, core.domain.id)
      : sql(`${SELECT} WHERE a.domain = ? AND a.owner = ? ORDER BY a.created, a.id`, core.domain.id, owner),
  )
  return rows.map(fromRow)
}

const FROM: Readonly<Record<AgentStatus, string>> = {
  active: `'suspended'`,
  suspended: `'active'`,
  retired: `'active', 'suspended'`,
}

/**
 * INVARIANT: a retired agent never comes back, and a resume does not revive tokens minted before the suspension:
 * the entry of the feed that suspended it stays above their number.
 */
export const statusStatements = (
  core: Pick<Core, 'domain' | 'clock' | 'publish'>,
  agent: string,
  status: AgentStatus,
): readonly Statement[] => [
  mustBeOne(
    'agent_status',
    `UPDATE agents SET status = ?, version = version + 1, changed = ?
     WHERE domain = ? AND id = ? AND status IN (${FROM[status]})`,
    status,
    core.clock.now(),
    core.domain.id,
    agent,
  ),
  ...core.publish({ kind: 'agent', agent, status }),
]

const sortedOnce = (groups: readonly string[]): string[] => [...new Set(groups)].sort()

/** All groups of an agent at once; the version that was read must still be the version. Every node hears of it. */
export const groupsStatements = (
  core: Pick<Core, 'domain' | 'clock' | 'publish'>,
  agent: Agent,
  groups: readonly string[],
): readonly Statement[] => [
  mustBeOne(
    'agent_changed',
    'UPDATE agents SET member_of = ?, version = version + 1, changed = ? WHERE domain = ? AND id = ? AND version = ?',
    JSON.stringify(sortedOnce(groups)),
    core.clock.now(),
    core.domain.id,
    agent.id,
    agent.version,
  ),
  ...core.publish({ kind: 'agent', agent: agent.id, status: agent.status }),
]

/** Adds or removes keys; the version that was read must still be the version. */
export const keysStatements = (
  core: Pick<Core, 'domain' | 'clock' | 'publish'>,
  agent: Agent,
  keys: readonly PublicJwk[],
): readonly Statement[] => [
  mustBeOne(
    'agent_changed',
    'UPDATE agents SET jwks = ?, version = version + 1, changed = ? WHERE domain = ? AND id = ? AND version = ?',
    JSON.stringify(keys),
    core.clock.now(),
    core.domain.id,
    agent.id,
    agent.version,
  ),
  ...core.publish({ kind: 'agent', agent: agent.id, status: agent.status }),
]
