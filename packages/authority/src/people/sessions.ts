/** Who is signed in, in which browser. The cookie holds a secret; the database holds its hash. */
import { BatchConflict, type Database, type Row, type Statement } from '@credence/db'
import { type Clock, newId, type Random, refused, toBase64url } from '@credence/kit'
import type { DomainId, PersonId, SessionId } from '@credence/model'
import { mustBeOne, sql } from '../sql.ts'
import { cookieFrom, setCookie } from './cookies.ts'
import { handleHash } from './tokens.ts'

export type SignInMethod = 'passkey' | 'upstream'

export interface BrowserSession {
  readonly id: SessionId
  readonly person: PersonId
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly method: SignInMethod
  /** Epoch milliseconds. */
  readonly authTime: number
  readonly expiresAt: number
}

export interface SessionDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
  readonly sessionLifetime: number
}

export interface NewSession {
  readonly statement: Statement
  readonly cookie: string
  readonly id: SessionId
}

/**
 * INVARIANT: a sign-in always makes a new session with a new secret; one that was there before is never raised
 * (no fixation).
 */
export const newSession = (deps: SessionDeps, person: PersonId, method: SignInMethod): NewSession => {
  const secret = toBase64url(deps.random.bytes(32))
  const id = newId('ses', deps.random)
  const now = deps.clock.now()
  const statement = mustBeOne(
    'session_exists',
    `insert into people_sessions (domain, secret_hash, session_id, person_id, method, auth_time, expires_at)
     values (?, ?, ?, ?, ?, ?, ?)`,
    deps.domain,
    handleHash(secret),
    id,
    person,
    method,
    now,
    now + deps.sessionLifetime,
  )
  return { statement, id, cookie: setCookie(deps, 'session', secret, Math.floor(deps.sessionLifetime / 1000)) }
}

/** A session that has not ended, of a person who may have been suspended meanwhile. */
export interface KnownSession extends BrowserSession {
  readonly stands: boolean
}

interface SessionRow extends Row {
  readonly session_id: SessionId
  readonly person_id: PersonId
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly method: SignInMethod
  readonly auth_time: number
  readonly expires_at: number
  readonly status: string
}

/** Undefined for none, revoked and expired. */
export const knownSession = async (
  deps: SessionDeps,
  cookieHeader: string | undefined,
): Promise<KnownSession | undefined> => {
  const secret = cookieFrom(deps, cookieHeader, 'session')
  if (secret === undefined) return undefined
  const [row] = await deps.db.read<SessionRow>(
    sql(
      `select s.session_id, s.person_id, p.name, p.role, s.method, s.auth_time, s.expires_at, p.status
       from people_sessions s join people p on p.domain = s.domain and p.person_id = s.person_id
       where s.domain = ? and s.secret_hash = ? and s.expires_at > ?`,
      deps.domain,
      handleHash(secret),
      deps.clock.now(),
    ),
  )
  if (row === undefined) return undefined
  return {
    id: row.session_id,
    person: row.person_id,
    name: row.name,
    role: row.role,
    method: row.method,
    authTime: Number(row.auth_time),
    expiresAt: Number(row.expires_at),
    stands: row.status === 'active',
  }
}

/** Undefined for none, revoked and expired, and of a person who is no longer active. */
export const currentSession = async (
  deps: SessionDeps,
  cookieHeader: string | undefined,
): Promise<BrowserSession | undefined> => {
  const known = await knownSession(deps, cookieHeader)
  return known?.stands === true ? known : undefined
}

export const signedOut = () => refused('sign_in_needed', 'You are signed out. Please sign in again.', { status: 401 })

const ENDED = 'session_ended'

/**
 * The first statement of what a session does that outlives it.
 * INVARIANT: it commits only while the session and its person stand. A node hears of a withdrawal a moment after it
 * committed; what a session has made in that moment would stay. Whoever withdraws deletes the session before anything
 * else, so that one of the two waits for the other and sees what it did.
 */
export const whileSignedIn = (deps: SessionDeps, session: SessionId): Statement =>
  mustBeOne(
    ENDED,
    `update people_sessions set expires_at = expires_at where domain = ? and session_id = ? and expires_at > ?
     and person_id in (select person_id from people where domain = ? and status = 'active')`,
    deps.domain,
    session,
    deps.clock.now(),
    deps.domain,
  )

/** Runs a batch that begins with `whileSignedIn`. */
export const unlessSignedOut = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw error instanceof BatchConflict && error.conflict === ENDED ? signedOut() : error
  }
}

export const endSession = (deps: SessionDeps, cookieHeader: string | undefined): Statement | undefined => {
  const secret = cookieFrom(deps, cookieHeader, 'session')
  if (secret === undefined) return undefined
  return sql('delete from people_sessions where domain = ? and secret_hash = ?', deps.domain, handleHash(secret))
}

export const sweepSessions = (domain: DomainId, now: number): Statement =>
  sql('delete from people_sessions where domain = ? and expires_at < ?', domain, now)
