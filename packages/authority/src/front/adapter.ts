/**
 * What the library stores, with atomic one-time use. The library reads, then writes; here every write that must
 * happen once is a statement that must change one row, and the loser gets the standard's own error.
 */
import { BatchConflict, type Database } from '@credence/db'
import type { Clock, Once } from '@credence/kit'
import type { DomainId } from '@credence/model'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Clients } from '../ports.ts'
import { libraryClient } from './client-metadata.ts'
import { consumeDocument, type DocumentModel, findDocument, insertDocument, removeDocument } from './documents.ts'
import { errors } from './library-errors.ts'

export interface AdapterDeps {
  readonly domain: DomainId
  readonly db: Database
  readonly once: Once
  readonly clock: Pick<Clock, 'now'>
  readonly clients: Clients
}

const nothing = async (): Promise<undefined> => undefined

/** For models that we do not use: nothing is kept, nothing is found. */
const emptyAdapter: Adapter = {
  upsert: nothing,
  find: nothing,
  findByUserCode: nothing,
  findByUid: nothing,
  consume: nothing,
  destroy: nothing,
  revokeByGrantId: nothing,
}

const clientAdapter = (deps: AdapterDeps): Adapter => ({
  ...emptyAdapter,
  find: async (id) => {
    const client = await deps.clients.find(id)
    return client === undefined ? undefined : libraryClient(client)
  },
})

/** RFC 7523 section 3 (7) and RFC 9449 section 11.1: what was seen once is refused, also fifty times at once. */
const replayAdapter = (deps: AdapterDeps): Adapter => ({
  ...emptyAdapter,
  upsert: async (id, _payload, expiresIn = 60) => {
    const until = deps.clock.now() + Math.max(1, expiresIn) * 1000
    const first = await deps.once.claim('client_assertion', `par:${deps.domain}:${id}`, until)
    if (!first) throw new errors.InvalidClientAuth('the assertion or proof was used before')
  },
})

const LOSERS: Record<DocumentModel, () => Error> = {
  AuthorizationCode: () => new errors.InvalidGrant('authorization code already consumed'),
  PushedAuthorizationRequest: () => new errors.InvalidRequestUri('request_uri was already used'),
  Interaction: () => new errors.SessionNotFound('this request was already answered'),
}

const oneWinner = async (model: DocumentModel, change: () => Promise<unknown>): Promise<undefined> => {
  try {
    await change()
    return undefined
  } catch (error) {
    if (error instanceof BatchConflict) throw LOSERS[model]()
    throw error
  }
}

const documentAdapter = (deps: AdapterDeps, model: DocumentModel): Adapter => {
  const key = (handle: string) => ({ domain: deps.domain, model, handle })
  return {
    ...emptyAdapter,
    upsert: async (handle, payload, expiresIn = 0) => {
      const expiresAt = deps.clock.now() + expiresIn * 1000
      await deps.db.atomically([insertDocument(key(handle), payload, expiresAt)])
    },
    find: async (handle) => {
      const stored = await findDocument(deps.db, key(handle))
      if (stored === undefined) return undefined
      // NOTE: a pushed request is looked up again after consent, past its end, to be consumed then.
      const expired = stored.expiresAt <= deps.clock.now()
      if (expired && model !== 'PushedAuthorizationRequest') return undefined
      const used = model !== 'Interaction' && stored.consumedAt !== undefined
      return {
        ...stored.payload,
        ...(used ? { consumed: Math.floor((stored.consumedAt ?? 0) / 1000) } : {}),
      } as AdapterPayload
    },
    consume: (handle) =>
      oneWinner(model, () => deps.db.atomically([consumeDocument(key(handle), deps.clock.now(), 'document_consumed')])),
    destroy: (handle) => oneWinner(model, () => deps.db.atomically([removeDocument(key(handle), 'document_gone')])),
  }
}

export const libraryAdapter =
  (deps: AdapterDeps) =>
  (name: string): Adapter => {
    switch (name) {
      case 'Client':
        return clientAdapter(deps)
      case 'ReplayDetection':
        return replayAdapter(deps)
      case 'Interaction':
      case 'PushedAuthorizationRequest':
      case 'AuthorizationCode':
        return documentAdapter(deps, name)
      default:
        return emptyAdapter
    }
  }
