/**
 * The documents of the library (interactions, pushed requests, codes), each under the hash of its handle: whoever
 * reads the database holds no code and no request.
 */
import type { Database, Row, Statement } from '@credence/db'
import type { DomainId } from '@credence/model'
import { handleHash } from '../people/tokens.ts'
import { mustBeOne, sql } from '../sql.ts'

export type DocumentModel = 'Interaction' | 'PushedAuthorizationRequest' | 'AuthorizationCode'
export type Payload = Readonly<Record<string, unknown>>

export interface StoredDocument {
  readonly payload: Payload
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly consumedAt: number | undefined
}

export interface DocumentKey {
  readonly domain: DomainId
  readonly model: DocumentModel
  readonly handle: string
}

const at = (key: DocumentKey): [string, string, string] => [key.domain, key.model, handleHash(key.handle)]

/** INVARIANT: inserts or conflicts, never overwrites. */
export const insertDocument = (key: DocumentKey, payload: Payload, expiresAt: number): Statement => {
  const { jti: _handle, ...rest } = payload
  return mustBeOne(
    'document_exists',
    `insert into front_documents (domain, model, id, payload, grant_id, expires_at, consumed_at)
     values (?, ?, ?, ?, ?, ?, null) on conflict (domain, model, id) do nothing`,
    ...at(key),
    JSON.stringify(rest),
    typeof payload.grantId === 'string' ? payload.grantId : null,
    expiresAt,
  )
}

/** INVARIANT: of any number of callers exactly one commits; and none after the document's end. */
export const consumeDocument = (key: DocumentKey, now: number, conflict: string): Statement =>
  mustBeOne(
    conflict,
    `update front_documents set consumed_at = ?
     where domain = ? and model = ? and id = ? and consumed_at is null`,
    now,
    ...at(key),
  )

/** Writes the person's answer into an interaction that has none yet. */
export const decideInteraction = (key: DocumentKey, payload: Payload, now: number): Statement => {
  const { jti: _handle, ...rest } = payload
  return mustBeOne(
    'interaction_decided',
    `update front_documents set payload = ?, consumed_at = ?
     where domain = ? and model = ? and id = ? and consumed_at is null and expires_at > ?`,
    JSON.stringify(rest),
    now,
    ...at(key),
    now,
  )
}

export const removeDocument = (key: DocumentKey, conflict: string): Statement =>
  mustBeOne(conflict, 'delete from front_documents where domain = ? and model = ? and id = ?', ...at(key))

interface DocumentRow extends Row {
  readonly payload: string
  readonly expires_at: number
  readonly consumed_at: number | null
}

/** Also what has expired and what was consumed: the caller judges. */
export const findDocument = async (db: Database, key: DocumentKey): Promise<StoredDocument | undefined> => {
  const [row] = await db.read<DocumentRow>(
    sql(
      'select payload, expires_at, consumed_at from front_documents where domain = ? and model = ? and id = ?',
      ...at(key),
    ),
  )
  if (row === undefined) return undefined
  return {
    payload: { ...JSON.parse(row.payload), jti: key.handle },
    expiresAt: Number(row.expires_at),
    consumedAt: row.consumed_at === null ? undefined : Number(row.consumed_at),
  }
}

/** A used code or request is kept for this long after its end, so that a second use is known as one. */
export const GRACE_MS = 3_600_000

export const sweepDocuments = (domain: DomainId, now: number): Statement =>
  sql('delete from front_documents where domain = ? and expires_at < ?', domain, now - GRACE_MS)
