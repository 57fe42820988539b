/**
 * One-time links with which somebody enrols: the first owner, or a person whom an owner invites. The secret stands in
 * the fragment of the URL, so that no server, proxy or Referer ever sees it before the page's own script sends it.
 */
import type { Database, Row, Statement } from '@credence/db'
import { type Clock, type Random, refused, toBase64url } from '@credence/kit'
import type { DomainId, PersonId } from '@credence/model'
import { mustBeOne, sql } from '../sql.ts'
import { handleHash } from './tokens.ts'

export type LinkKind = 'setup' | 'invitation'

export interface Link {
  readonly kind: LinkKind
  readonly role: 'owner' | 'member'
  readonly name: string | undefined
  readonly hash: string
}

export interface LinkDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

const SETUP_MS = 10 * 60_000
const INVITATION_MS = 24 * 3_600_000

export interface MadeLink {
  readonly url: string
  readonly expiresAt: number
}

const NO_OWNER = "not exists (select 1 from people where domain = ? and role = 'owner')"

/** INVARIANT: only while no owner exists, and one at a time: a new setup link replaces the one before. */
export const makeSetupLink = async (deps: LinkDeps): Promise<MadeLink> => {
  const secret = toBase64url(deps.random.bytes(32))
  const expiresAt = deps.clock.now() + SETUP_MS
  const rows = await deps.db.atomically([
    sql('delete from people_links where domain = ? and kind = ?', deps.domain, 'setup'),
    sql(
      `insert into people_links (domain, slot, secret_hash, kind, role, name, created_by, expires_at)
       select ?, 'setup', ?, 'setup', 'owner', null, null, cast(? as bigint) where ${NO_OWNER} returning slot`,
      deps.domain,
      handleHash(secret),
      expiresAt,
      deps.domain,
    ),
  ])
  if (rows[1]?.length !== 1) throw refused('owner_exists', 'This domain has an owner already.', { status: 409 })
  return { url: `${deps.issuer}/setup#${secret}`, expiresAt }
}

export const makeInvitation = (
  deps: LinkDeps,
  by: PersonId,
  name: string | undefined,
): MadeLink & { readonly statement: Statement } => {
  const secret = toBase64url(deps.random.bytes(32))
  const expiresAt = deps.clock.now() + INVITATION_MS
  const statement = mustBeOne(
    'invitation_exists',
    `insert into people_links (domain, slot, secret_hash, kind, role, name, created_by, expires_at)
     values (?, ?, ?, 'invitation', 'member', ?, ?, ?)`,
    deps.domain,
    handleHash(secret),
    handleHash(secret),
    name ?? null,
    by,
    expiresAt,
  )
  return { url: `${deps.issuer}/setup#${secret}`, expiresAt, statement }
}

interface LinkRow extends Row {
  readonly kind: LinkKind
  readonly role: 'owner' | 'member'
  readonly name: string | null
}

/** Same error for unknown, used and expired. */
export const linkNotValid = () =>
  refused('link_not_valid', 'This link has been used, has expired or was replaced by a newer one.', { status: 410 })

export const findLink = async (deps: LinkDeps, secret: string): Promise<Link> => {
  const hash = handleHash(secret)
  const [row] = await deps.db.read<LinkRow>(
    sql(
      'select kind, role, name from people_links where domain = ? and secret_hash = ? and expires_at > ?',
      deps.domain,
      hash,
      deps.clock.now(),
    ),
  )
  if (row === undefined) throw linkNotValid()
  return { kind: row.kind, role: row.role, name: row.name ?? undefined, hash }
}

/** INVARIANT: part of the batch that enrols; whoever is second finds no row, and nothing of the batch happens. */
export const consumeLink = (deps: LinkDeps, link: Link): Statement =>
  mustBeOne(
    'link_used',
    'delete from people_links where domain = ? and secret_hash = ? and expires_at > ?',
    deps.domain,
    link.hash,
    deps.clock.now(),
  )

export const sweepLinks = (domain: DomainId, now: number): Statement =>
  sql('delete from people_links where domain = ? and expires_at < ?', domain, now)
