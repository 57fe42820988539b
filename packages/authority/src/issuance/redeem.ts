/**
 * The batch in which a token comes into being: liveness of everything it rests on, every one-time claim, the row of the
 * token and of its refresh token. All or none.
 *
 * INVARIANT: feed number and liveness are read in one statement, so in one state of the store. A revocation that
 * committed before it is seen; one that commits after it has a higher number than the token carries.
 */
import { BatchConflict, type Statement } from '@credence/db'
import type { Debt } from '@credence/guard'
import { revocationKey } from '@credence/model'
import { oauthRefused } from '@credence/protocol/oauth'
import type { Core } from '../core.ts'
import { mustBeOne, sql } from '../sql.ts'
import { assertionReused } from './authenticate-client.ts'
import { lifetimeSeconds, type Minter, type TokenFacts } from './claims.ts'
import { newRefreshToken } from './grants/authorization-code.ts'
import { refreshHash } from './grants/refresh-token.ts'
import type { Plan, Redemption } from './plan.ts'

export interface RedeemDeps {
  readonly core: Core
  readonly minter: Minter
  readonly claim: (use: 'client_assertion' | 'dpop', key: string, until: number, conflict: string) => Statement
  /** SQL that gives the number of the feed of the domain bound to its one placeholder. */
  readonly headSql: string
  /** The record that the ledger could not take, as a row of the batch. */
  readonly owed: (debt: Debt) => Statement
  /** The registry number on which the bearer decision rests. */
  readonly registryNumber: () => number
}

export interface Issued {
  readonly facts: TokenFacts
  readonly accessToken: string
  readonly refreshToken: string | undefined
}

const standing = (deps: RedeemDeps, plan: Plan, { who, proof }: Redemption): Statement => {
  const { domain, clock } = deps.core
  const conditions: string[] = []
  const values: (string | number)[] = [domain.id]
  const must = (condition: string, ...bound: (string | number)[]): void => {
    conditions.push(condition)
    values.push(...bound)
  }
  if (who.agent !== undefined) {
    must(
      `EXISTS (SELECT 1 FROM agents WHERE domain = ? AND id = ? AND version = ? AND status = 'active')`,
      domain.id,
      who.agent.id,
      who.agent.version,
    )
  }
  if (plan.grant !== undefined) {
    must(
      `EXISTS (SELECT 1 FROM grants WHERE domain = ? AND id = ? AND status = 'active' AND expires > ?)`,
      domain.id,
      plan.grant.id,
      clock.now(),
    )
  }
  if (proof === undefined) {
    must('EXISTS (SELECT 1 FROM registries WHERE domain = ? AND number = ?)', domain.id, deps.registryNumber())
  }
  const blocked = [
    ...new Set([proof?.jkt, who.assertionKey].filter((jkt) => jkt !== undefined).map(revocationKey.proofKey)),
    ...(plan.session === undefined ? [] : [revocationKey.session(plan.session)]),
  ]
  if (blocked.length > 0) {
    must(
      `NOT EXISTS (SELECT 1 FROM blocked_keys WHERE domain = ? AND revocation_key IN (${blocked.map(() => '?').join(', ')}))`,
      domain.id,
      ...blocked,
    )
  }
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return mustBeOne('no_longer_standing', `SELECT s.feed AS feed FROM (${deps.headSql}) s${where}`, ...values)
}

const oneTime = (deps: RedeemDeps, { who, proof }: Redemption): readonly Statement[] => [
  ...(who.assertion === undefined
    ? []
    : [deps.claim('client_assertion', who.assertion.replayKey, who.assertion.replayUntil, 'assertion_reused')]),
  ...(proof === undefined ? [] : [deps.claim('dpop', `as:${proof.replayKey}`, proof.replayUntil, 'proof_reused')]),
]

const tokenRow = (core: Core, facts: TokenFacts, intent: string): Statement =>
  sql(
    `INSERT INTO tokens (domain, jti, client, agent, subject_iss, subject_sub, resource, grant_id, jkt, issued, expires, intent)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    core.domain.id,
    facts.jti,
    facts.clientId,
    facts.actor?.agent ?? null,
    facts.subject.iss,
    facts.subject.sub,
    facts.resource,
    facts.grant ?? null,
    facts.jkt ?? null,
    facts.issuedAt * 1000,
    (facts.issuedAt + lifetimeSeconds(facts)) * 1000,
    intent,
  )

const refreshRow = (core: Core, plan: Plan, facts: TokenFacts, token: string, intent: string): readonly Statement[] => {
  if (plan.refresh === undefined || plan.grant === undefined) return []
  return [
    sql(
      `INSERT INTO refresh_tokens (domain, hash, family, grant_id, client, jkt, resource, scope, details, issued, expires, intent)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      core.domain.id,
      refreshHash(token),
      plan.refresh.family,
      plan.grant.id,
      facts.clientId,
      facts.jkt ?? null,
      plan.resource,
      plan.refresh.scope.join(' '),
      JSON.stringify(plan.refresh.authorizationDetails),
      core.clock.now(),
      plan.refresh.expiresAt,
      intent,
    ),
  ]
}

/** What the release hands on. */
interface Released {
  readonly intent: string
  readonly jti: TokenFacts['jti']
  readonly txn: string
  readonly debt: Debt | undefined
}

/** Everything but the feed number, which the batch tells. */
const factsOf = (
  deps: RedeemDeps,
  plan: Plan,
  { who, proof }: Redemption,
  { jti, txn }: Pick<TokenFacts, 'jti' | 'txn'>,
): Omit<TokenFacts, 'feed'> => {
  const { core } = deps
  return {
    issuer: core.domain.issuer,
    domain: core.domain.id,
    epoch: core.domain.epoch,
    jti,
    subject: plan.subject,
    clientId: who.client.clientId,
    ...(who.agent === undefined
      ? {}
      : { actor: { spiffeId: who.agent.spiffeId, agent: who.agent.id, owner: who.agent.owner } }),
    resource: plan.resource,
    scope: plan.scope,
    authorizationDetails: plan.authorizationDetails,
    ...(proof === undefined ? {} : { jkt: proof.jkt }),
    bearerAllowed: proof === undefined && who.client.bearerResources.includes(plan.resource),
    ...(plan.grant === undefined ? {} : { grant: plan.grant.id, notAfter: Math.floor(plan.grant.expiresAt / 1000) }),
    ...(plan.session === undefined ? {} : { session: plan.session }),
    txn,
    issuedAt: Math.floor(core.clock.now() / 1000),
  }
}

const refusals: Readonly<Record<string, () => Error>> = {
  assertion_reused: assertionReused,
  proof_reused: () => oauthRefused('invalid_dpop_proof', 'dpop_proof_reused', 'The DPoP proof was used before.'),
  code_consumed: () => oauthRefused('invalid_grant', 'code_consumed', 'The code is not valid.'),
  refresh_used: () => oauthRefused('invalid_grant', 'refresh_reused', 'The refresh token is not valid.'),
  no_longer_standing: () =>
    oauthRefused('invalid_grant', 'no_longer_standing', 'Agent, key or grant changed or was withdrawn meanwhile.'),
}

/** Replays of assertion and proof say nothing about the code: only the code's and the refresh token's own conflict does. */
const REUSE = new Set(['code_consumed', 'refresh_used'])

const lost = async (error: unknown, plan: Plan): Promise<Error> => {
  if (!(error instanceof BatchConflict)) return error as Error
  if (REUSE.has(error.conflict)) await plan.onReuse?.(error.conflict)
  return refusals[error.conflict]?.() ?? error
}

export const redeem = async (
  deps: RedeemDeps,
  plan: Plan,
  redemption: Redemption,
  release: Released,
): Promise<Issued> => {
  const { core } = deps
  const facts = factsOf(deps, plan, redemption, release)
  const refreshToken = plan.refresh === undefined ? undefined : newRefreshToken(core.random)
  const batch = [
    standing(deps, plan, redemption),
    ...oneTime(deps, redemption),
    ...plan.consume,
    tokenRow(core, { ...facts, feed: 0 }, release.intent),
    ...refreshRow(core, plan, { ...facts, feed: 0 }, refreshToken ?? '', release.intent),
    ...(release.debt === undefined ? [] : [deps.owed(release.debt)]),
  ]
  try {
    const [[state] = []] = await core.db.atomically(batch, { reducesAuthority: plan.reduces === true })
    const complete: TokenFacts = { ...facts, feed: Number(state?.feed) }
    return { facts: complete, accessToken: deps.minter.mint(complete), refreshToken }
  } catch (error) {
    throw await lost(error, plan)
  }
}
