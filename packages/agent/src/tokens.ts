/**
 * Which token for which need: kept, refreshed, asked for. INVARIANT: for one resource at most one of these runs at a time;
 * who needs the same waits for its outcome, a refusal included, so that a person is asked once for one need.
 */
import { type Clock, isCredenceError, refused } from '@credence/kit'
import type { TokenResponse } from '@credence/protocol/oauth'
import type { AuthorityWanted } from './authorization.ts'
import type { ClientIdentity } from './client-identity.ts'
import type { Discovered } from './discovery.ts'
import type { TokenClient } from './token-client.ts'
import type { HeldToken, TokenStore } from './token-store.ts'

/** A token this close to its end is renewed before it is used; of a short-lived one, a quarter of its life. */
const RENEW_MS = 15_000
const DEFAULT_SECONDS = 60
/** No server can wear a person down: so many questions for one resource in so much time. */
const MOST_QUESTIONS = 5
const QUESTIONS_MS = 10 * 60_000

export interface TokensDeps {
  readonly store: TokenStore
  readonly clock: Pick<Clock, 'now'>
  readonly client: TokenClient
  readonly identity: ClientIdentity
  /** Thumbprint and algorithm of the agent's key. */
  readonly jkt: string
  readonly alg: string
  /** Asks the person (code flow). Absent: the agent acts for itself (client credentials). */
  readonly authorize?: (wanted: AuthorityWanted, discovered: Discovered) => Promise<TokenResponse>
}

export interface Need {
  readonly discovered: Discovered
  readonly wanted: AuthorityWanted
  /** An access token that the resource refused: anything but this one. */
  readonly rejected?: string
}

export interface Tokens {
  /** A token for this need: a kept one, by refresh where that suffices, otherwise by asking. */
  obtain(need: Need): Promise<HeldToken>
}

const words = (scope: string | undefined): string[] => (scope ?? '').split(' ').filter((word) => word !== '')

/** Step-up asks for what was asked before and what the challenge names (MCP 2026-07-28, scope union). */
export const scopeUnion = (...scopes: readonly (string | undefined)[]): string =>
  [...new Set(scopes.flatMap(words))].join(' ')

/** Whether `wider` has every word of `scope`. */
export const covers = (wider: string | undefined, scope: string | undefined): boolean => {
  const has = new Set(words(wider))
  return words(scope).every((word) => has.has(word))
}

/** RFC 6750 section 2.1: what may stand in the Authorization field. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

const wantsBound = ({ metadata, server }: Discovered, alg: string): boolean =>
  metadata.dpop_bound_access_tokens_required === true ||
  server.dpop_signing_alg_values_supported?.includes(alg) === true

/** RFC 9449 section 5: what comes unbound from a server that can bind was taken off its key on the way. */
const tokenTypeOf = (answer: TokenResponse, discovered: Discovered, alg: string): HeldToken['tokenType'] => {
  if (!B64TOKEN.test(answer.access_token))
    throw refused('token_malformed', 'The authorization server gave something that cannot be a token.')
  const type = answer.token_type.toLowerCase()
  if (type === 'dpop') return 'DPoP'
  if (type !== 'bearer')
    throw refused('token_type_unknown', 'The authorization server gave a token of an unknown type.')
  if (wantsBound(discovered, alg))
    throw refused('token_unbound', 'The authorization server gave a token that is not bound to the key of the agent.')
  return 'Bearer'
}

interface Kept {
  readonly key: string
  readonly clientId: string
}

/** Far enough from its end, not the one that was refused, and asked for or given with enough scope. */
const suits = (held: HeldToken, { wanted, rejected }: Need, now: number): boolean => {
  const margin = Math.min(RENEW_MS, (held.expiresAt - held.issuedAt) / 4)
  return (
    held.accessToken !== rejected &&
    now < held.expiresAt - margin &&
    covers(scopeUnion(held.asked, held.scope), wanted.scope)
  )
}

const placeOf = async ({ identity, authorize, jkt }: TokensDeps, need: Need): Promise<Kept> => {
  const { server, resource } = need.discovered
  const clientId = await identity.at(server)
  const forWhom = authorize === undefined ? 'self' : 'person'
  const details = need.wanted.authorizationDetails ?? null
  return { clientId, key: JSON.stringify([server.issuer, resource, clientId, jkt, forWhom, details]) }
}

type Met = Pick<Need, 'discovered' | 'wanted'>

const keep = async (
  { store, clock, alg }: TokensDeps,
  answer: TokenResponse,
  { discovered, wanted }: Met,
  { key, clientId }: Kept,
  before?: HeldToken,
): Promise<HeldToken> => {
  const now = clock.now()
  const token: HeldToken = {
    issuer: discovered.server.issuer,
    resource: discovered.resource,
    clientId,
    accessToken: answer.access_token,
    tokenType: tokenTypeOf(answer, discovered, alg),
    issuedAt: now,
    expiresAt: now + (answer.expires_in ?? DEFAULT_SECONDS) * 1000,
    asked: wanted.scope,
    scope: answer.scope ?? before?.scope ?? wanted.scope,
    // RFC 6749 section 6: without a new refresh token the old one stays.
    refreshToken: answer.refresh_token ?? before?.refreshToken,
    grantId: typeof answer.grant_id === 'string' ? answer.grant_id : before?.grantId,
  }
  await store.set(key, token)
  return token
}

/** Throws when the person has been asked for this too often of late. */
const createQuestionLimit = (clock: Pick<Clock, 'now'>) => {
  const questions = new Map<string, readonly number[]>()
  return (key: string): void => {
    const now = clock.now()
    const recent = (questions.get(key) ?? []).filter((at) => at > now - QUESTIONS_MS && at <= now)
    if (recent.length >= MOST_QUESTIONS)
      throw refused('asked_too_often', 'The server wants consent again and again; the person is not asked any more.')
    questions.set(key, [...recent, now])
  }
}

/** Nobody is bothered, so nothing is asked for beyond this need. */
const askForItself = ({ client }: TokensDeps, { discovered, wanted }: Need): Promise<TokenResponse> => {
  const { server, resource } = discovered
  const { scope, authorizationDetails: details } = wanted
  const form = {
    grant_type: 'client_credentials',
    resource,
    ...scoped(scope),
    ...(details === undefined ? {} : { authorization_details: JSON.stringify(details) }),
  }
  return client.token(server.issuer, server.token_endpoint, form)
}

/** INVARIANT: a refresh token goes to the issuer that gave it (it is kept under it) and is used by one at a time. */
const refresh = (deps: TokensDeps, need: Need, place: Kept): Promise<HeldToken | undefined> => {
  const { store, clock, client } = deps
  return store.exclusively(place.key, async () => {
    const held = await store.get(place.key)
    if (held === undefined || suits(held, need, clock.now())) return held
    const { server, resource } = need.discovered
    if (held.refreshToken === undefined || !covers(scopeUnion(held.asked, held.scope), need.wanted.scope))
      return undefined
    try {
      const form = { grant_type: 'refresh_token', refresh_token: held.refreshToken, resource }
      const answer = await client.token(server.issuer, server.token_endpoint, form)
      return await keep(deps, answer, { discovered: need.discovered, wanted: scoped(held.asked) }, place, held)
    } catch (error) {
      if (!isCredenceError(error) || error.standard !== 'invalid_grant') throw error
      await store.delete(place.key)
      return undefined
    }
  })
}

export const createTokens = (deps: TokensDeps): Tokens => {
  const { store, clock, authorize } = deps
  const running = new Map<string, { readonly scope: string | undefined; readonly outcome: Promise<HeldToken> }>()
  const countQuestion = createQuestionLimit(clock)

  const ask = async (need: Need, place: Kept): Promise<HeldToken> => {
    if (authorize !== undefined) {
      countQuestion(place.key)
      const held = await store.get(place.key)
      const wanted = { ...need.wanted, ...scoped(scopeUnion(held?.asked, held?.scope, need.wanted.scope)) }
      return await keep(deps, await authorize(wanted, need.discovered), { ...need, wanted }, place)
    }
    return await keep(deps, await askForItself(deps, need), need, place)
  }

  const satisfy = async (need: Need, place: Kept): Promise<HeldToken> => {
    const held = await store.get(place.key)
    if (held !== undefined && suits(held, need, clock.now())) return held
    return (held === undefined ? undefined : await refresh(deps, need, place)) ?? (await ask(need, place))
  }

  const obtain = async (need: Need): Promise<HeldToken> => {
    const place = await placeOf(deps, need)
    const { scope } = need.wanted
    for (;;) {
      const other = running.get(place.key)
      if (other === undefined) break
      const shared = covers(other.scope, scope) ? await other.outcome : await other.outcome.catch(() => undefined)
      if (shared !== undefined && shared.accessToken !== need.rejected && covers(other.scope, scope)) return shared
    }
    const outcome = satisfy(need, place).finally(() => running.delete(place.key))
    running.set(place.key, { scope, outcome })
    return await outcome
  }

  return { obtain }
}

export const scoped = (scope: string | undefined): { scope?: string } =>
  scope === undefined || scope === '' ? {} : { scope }
