/** POST /token: every grant, one authentication, one proof, one pipeline. */
import {
  type Authenticated,
  type Authenticator,
  about,
  createPipeline,
  type Decider,
  type Recorder,
  type Revocations,
} from '@credence/guard'
import { type Clock, isCredenceError, newId, type Random, unavailable } from '@credence/kit'
import { type EdgeRequest, type EdgeResponse, replyJson } from '@credence/kit/http'
import type { CallerFacts, TokenId } from '@credence/model'
import {
  createTokenResponse,
  formParameters,
  oauthRefused,
  parseTokenRequest,
  TOKEN_RESPONSE_HEADERS,
  type TokenRequest,
} from '@credence/protocol/oauth'
import { traceOf } from '../http/trace.ts'
import type { AuthorityOutbox } from '../outbox/outbox.ts'
import type { AuthenticatedClient, ClientAuthDeps } from './authenticate-client.ts'
import { authenticateClient } from './authenticate-client.ts'
import { lifetimeSeconds } from './claims.ts'
import { clientCaller } from './client-caller.ts'
import { type GrantDeps, grantTypes, prepare } from './grants/index.ts'
import { refreshHash } from './grants/refresh-token.ts'
import { idToken } from './id-token.ts'
import type { Plan, Redemption } from './plan.ts'
import type { ProofChecker } from './proof.ts'
import { type Issued, type RedeemDeps, redeem } from './redeem.ts'

export interface TokenEndpointDeps {
  readonly auth: ClientAuthDeps
  readonly proofs: ProofChecker
  readonly grants: GrantDeps
  readonly redeem: RedeemDeps
  readonly signIdToken: Parameters<typeof idToken>[0]
  readonly clock: Clock
  readonly random: Random
  readonly decider: Decider
  readonly recorder: Recorder
  /** For the one kind of token whose issuing only reduces authority (`Plan.reduces`). */
  readonly outbox: Pick<AuthorityOutbox, 'owe' | 'kick'>
  readonly revocations: Pick<Revocations, 'lease' | 'renewed'> & { readonly number: number }
}

/** One request on its way; what a step finds, the next one reads. */
interface Asking {
  readonly request: TokenRequest
  readonly dpop: readonly string[]
  readonly txn: string
  found?: { readonly redemption: Redemption; readonly plan: Plan }
}

const readForm = async (request: EdgeRequest): Promise<TokenRequest> => {
  const form = await request.form({ repeatable: ['resource', 'audience'] })
  const pairs = form.names().flatMap((name) => form.all(name).map((value) => [name, value] as const))
  return parseTokenRequest(formParameters(pairs))
}

/** A client that cannot prove possession gets a token only where the owner of the resource said so, for this client. */
const mustProve = (who: AuthenticatedClient, redemption: Pick<Redemption, 'proof'>): void => {
  if (redemption.proof !== undefined || who.client.bearerResources.length > 0) return
  throw oauthRefused('invalid_dpop_proof', 'dpop_proof_missing', 'Prove possession of a key (DPoP).')
}

const mustProveAt = (plan: Plan, { who, proof }: Redemption): void => {
  if (proof !== undefined || who.client.bearerResources.includes(plan.resource)) return
  throw oauthRefused('invalid_dpop_proof', 'dpop_proof_missing', 'Prove possession of a key (DPoP) at this resource.')
}

const authenticator = (deps: TokenEndpointDeps, table: ReturnType<typeof grantTypes>): Authenticator<Asking> => ({
  authenticate: async (asking): Promise<Authenticated> => {
    const who = await authenticateClient(asking.request.client, deps.auth)
    const proof = deps.proofs.check(asking.dpop, `${deps.auth.issuer}/token`)
    const redemption: Redemption = { who, proof, request: asking.request }
    mustProve(who, redemption)
    const known = clientCaller(redemption, presentedHash(asking.request), deps.redeem.core, deps.revocations.number)
    try {
      const plan = await prepare(table, redemption)
      mustProveAt(plan, redemption)
      asking.found = { redemption, plan }
      return { ...known, facts: { ...known.facts, txn: asking.txn, ...restsOn(plan) } }
    } catch (error) {
      throw isCredenceError(error) ? about(error, { caller: known.facts }) : error
    }
  },
})

/** What was presented stands for this grant and session: the record of the issue names them. */
const restsOn = (plan: Plan): Pick<CallerFacts, 'grant' | 'session'> => ({
  ...(plan.grant === undefined ? {} : { grant: plan.grant.id }),
  ...(plan.session === undefined ? {} : { session: plan.session }),
})

const answer = (deps: TokenEndpointDeps, plan: Plan, issued: Issued): EdgeResponse => {
  const { facts } = issued
  const body = createTokenResponse({
    accessToken: issued.accessToken,
    bound: facts.jkt !== undefined,
    expiresIn: lifetimeSeconds(facts),
    scope: facts.scope,
    authorizationDetails: facts.authorizationDetails,
    ...(issued.refreshToken === undefined ? {} : { refreshToken: issued.refreshToken }),
  })
  const withId =
    plan.idToken === undefined ? body : { ...body, id_token: idToken(deps.signIdToken, plan.idToken, facts) }
  return replyJson(withId, { headers: { ...TOKEN_RESPONSE_HEADERS, 'DPoP-Nonce': deps.proofs.nonce() } })
}

/** What stands in records instead of the code or refresh token that was presented. */
const presentedHash = (request: TokenRequest): string | undefined => {
  if (request.grantType === 'authorization_code') return refreshHash(request.code)
  return request.grantType === 'refresh_token' ? refreshHash(request.refreshToken) : undefined
}

const found = (asking: Asking): NonNullable<Asking['found']> => {
  if (asking.found === undefined) throw unavailable('not_authenticated', 'The request was not authenticated.')
  return asking.found
}

export const tokenEndpoint = (deps: TokenEndpointDeps): ((request: EdgeRequest) => Promise<EdgeResponse>) => {
  const table = grantTypes(deps.grants)
  const pipeline = createPipeline<Asking>({
    authenticator: authenticator(deps, table),
    clock: deps.clock,
    random: deps.random,
    decider: deps.decider,
    recorder: deps.recorder,
    outbox: deps.outbox,
    revocations: deps.revocations,
  })
  return async (edge) => {
    const jti: TokenId = newId('jti', deps.random)
    const txn = newId('txn', deps.random)
    const asking: Asking = { request: await readForm(edge), dpop: edge.headers.all('dpop'), txn }
    const trace = traceOf(edge)
    return pipeline({
      input: asking,
      ...(trace === undefined ? {} : { trace }),
      map: () => {
        const { plan } = found(asking)
        return {
          resource: deps.auth.issuer,
          method: 'token.issue',
          name: plan.resource,
          arguments: {
            grant_type: asking.request.grantType,
            subject: plan.subject.sub,
            scope: plan.scope,
            grant: plan.grant?.id ?? null,
          },
          facts: { jti, grant_type: asking.request.grantType, audience: plan.resource },
          reduces: plan.reduces === true,
        }
      },
      send: async (release) => {
        const { plan, redemption } = found(asking)
        const issued = await redeem(deps.redeem, plan, redemption, { ...release, jti, txn })
        if (release.debt !== undefined) deps.outbox.kick()
        return {
          value: answer(deps, plan, issued),
          completion: { status: 'done', facts: { jti, feed: issued.facts.feed } },
        }
      },
    })
  }
}
