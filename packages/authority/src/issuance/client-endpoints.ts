/** POST /introspect (RFC 7662) and POST /revoke (RFC 7009): clients authenticate as at the token endpoint. */
import { BatchConflict, type Statement } from '@credence/db'
import { createPipeline, type Debt, type PipelineDeps, type Revocations, readCredenceToken } from '@credence/guard'
import { isCredenceError, type Once } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, replyJson, replyNothing } from '@credence/kit/http'
import { type AccessTokenClaims, parseAccessToken, verifyAccessToken } from '@credence/protocol/access-token'
import { accessTokenHash } from '@credence/protocol/dpop'
import { formParameters, oauthRefused, parseTokenQuery, type TokenQuery } from '@credence/protocol/oauth'
import type { Revocable } from '../revocation/revoke.ts'
import { sql } from '../sql.ts'
import {
  type AuthenticatedClient,
  assertionReused,
  authenticateClient,
  type ClientAuthDeps,
  claimAssertion,
  mustBeConfidential,
} from './authenticate-client.ts'
import { clientCaller } from './client-caller.ts'
import { findRefresh } from './grants/refresh-token.ts'
import { type IntrospectDeps, introspect } from './introspect.ts'
import type { RedeemDeps } from './redeem.ts'

export interface ClientEndpointDeps extends Omit<PipelineDeps<AuthenticatedClient>, 'authenticator' | 'revocations'> {
  readonly auth: ClientAuthDeps
  readonly once: Once
  readonly introspection: IntrospectDeps
  readonly revocations: Revocations & { readonly number: number }
  readonly claim: RedeemDeps['claim']
  /** `also`: what belongs into the batch of the withdrawal. */
  readonly revoke: (
    what: Revocable,
    reason: string,
    debt: Debt | undefined,
    also: readonly Statement[],
  ) => Promise<void>
}

const readQuery = async (edge: EdgeRequest): Promise<TokenQuery> => {
  const form = await edge.form()
  return parseTokenQuery(formParameters(form.names().map((name) => [name, form.get(name) ?? ''] as const)))
}

const pipelineOf = (deps: ClientEndpointDeps) =>
  createPipeline<AuthenticatedClient>({
    ...deps,
    authenticator: {
      authenticate: (who) =>
        clientCaller({ who, proof: undefined }, undefined, deps.introspection.core, deps.revocations.number),
    },
  })

const READING = { effect: 'read', publicData: true } as const

export const introspectionEndpoint = (deps: ClientEndpointDeps) => {
  const pipeline = pipelineOf(deps)
  const byFeed = async (claims: AccessTokenClaims, token: string): Promise<boolean> => {
    const facts = readCredenceToken(deps.introspection.core.domain.id)(claims, {
      tokenHash: accessTokenHash(token),
      signingKey: parseAccessToken(token).kid ?? '',
    })
    return (await deps.revocations.follow(facts)).revoked
  }
  return async (edge: EdgeRequest): Promise<EdgeResponse> => {
    const query = await readQuery(edge)
    const who = mustBeConfidential(await authenticateClient(query.client, deps.auth))
    await claimAssertion(who, deps.once)
    const { agent } = who
    if (agent === undefined) throw oauthRefused('unauthorized_client', 'agent_needed', 'Only nodes may ask.')
    return pipeline({
      input: who,
      map: () => ({
        resource: deps.auth.issuer,
        method: 'token.introspect',
        name: agent.id,
        arguments: null,
        labels: READING,
      }),
      send: async () => ({
        value: replyJson(
          await introspect(query.token, agent, (claims) => byFeed(claims, query.token), deps.introspection),
        ),
      }),
    })
  }
}

type OwnToken = Extract<Revocable, { readonly kind: 'token' | 'grant' }>

/** INVARIANT: what is over already is not withdrawn again, so that one token cannot fill ledger and feed. */
const isOver = async (what: OwnToken, { db, domain }: IntrospectDeps['core']): Promise<boolean> => {
  const [row] = await db.read(
    what.kind === 'token'
      ? sql('SELECT 1 AS over FROM tokens WHERE domain = ? AND jti = ? AND revoked IS NOT NULL', domain.id, what.id)
      : sql(`SELECT 1 AS over FROM grants WHERE domain = ? AND id = ? AND status <> 'active'`, domain.id, what.id),
  )
  return row !== undefined
}

/** RFC 7009 section 2.1: the token must be the client's own; anything else is answered like success. */
const ownToken = async (
  query: TokenQuery,
  clientId: string,
  deps: ClientEndpointDeps,
): Promise<OwnToken | undefined> => {
  const { core, signingKeys } = deps.introspection
  const refresh = await findRefresh(core, query.token)
  if (refresh !== undefined) return refresh.client === clientId ? { kind: 'grant', id: refresh.grantId } : undefined
  try {
    const { claims: unverified } = parseAccessToken(query.token)
    const { claims } = verifyAccessToken({
      token: query.token,
      issuer: core.domain.issuer,
      audience: String(unverified.aud),
      keys: (kid) => signingKeys.find(kid)?.publicKey,
      now: core.clock.now(),
      bearer: 'allowed',
    })
    return claims.client_id === clientId ? { kind: 'token', id: claims.jti } : undefined
  } catch (error) {
    if (isCredenceError(error) && error.kind === 'refused') return undefined
    throw error
  }
}

/**
 * In the batch of the withdrawal, so that it holds on a full disk too.
 * INVARIANT: an assertion counts once, at whichever endpoint.
 */
const useAssertion = ({ assertion }: AuthenticatedClient, deps: ClientEndpointDeps): readonly Statement[] =>
  assertion === undefined
    ? []
    : [deps.claim('client_assertion', assertion.replayKey, assertion.replayUntil, 'assertion_reused')]

const revokeFor = async (
  who: AuthenticatedClient,
  what: Revocable,
  debt: Debt | undefined,
  deps: ClientEndpointDeps,
) => {
  try {
    await deps.revoke(what, 'revoked by its client', debt, useAssertion(who, deps))
  } catch (error) {
    throw error instanceof BatchConflict && error.conflict === 'assertion_reused' ? assertionReused() : error
  }
}

export const revocationEndpoint = (deps: ClientEndpointDeps) => {
  const pipeline = pipelineOf(deps)
  return async (edge: EdgeRequest): Promise<EdgeResponse> => {
    const query = await readQuery(edge)
    const who = await authenticateClient(query.client, deps.auth)
    const what = await ownToken(query, who.client.clientId, deps)
    if (what === undefined || (await isOver(what, deps.introspection.core))) {
      await claimAssertion(who, deps.once)
      return replyNothing({ status: 200 })
    }
    const { id } = what
    return pipeline({
      input: who,
      map: () => ({
        resource: deps.auth.issuer,
        method: 'token.revoke',
        name: id,
        arguments: { kind: what.kind, id },
        facts: { kind: what.kind, target: id },
        reduces: true,
      }),
      send: async (release) => {
        await revokeFor(who, what, release.debt, deps)
        return { value: replyNothing({ status: 200 }) }
      },
    })
  }
}
