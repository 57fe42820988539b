/** What the front half is given: grants, its recorder, and the authentication of clients. */

import type { NewIntent, Recorder } from '@credence/guard'
import { newId, type Once, refused } from '@credence/kit'
import { canonicalize } from '@credence/kit/json'
import type { CallerFacts, Decision, Operation } from '@credence/model'
import { isConsequential, operationHash } from '@credence/model'
import type { PolicyDecider } from '@credence/policy'
import { clientAuthentication, formParameters, oauthRefused } from '@credence/protocol/oauth'
import type { Core } from './core.ts'
import type { FrontAct, FrontDeps, FrontRecorder, GrantSummary } from './front/index.ts'
import { grantStatements, listGrants } from './grants/grants.ts'
import { authenticateClient, type ClientAuthDeps, claimAssertion } from './issuance/authenticate-client.ts'
import type { ProofChecker } from './issuance/proof.ts'
import type { Clients, Grants } from './ports.ts'

const DEADLINE_MS = 60_000

/** Acts of people, by what kind of act on the authority they are. */
const METHOD: Readonly<Record<FrontAct['method'], string>> = {
  'grant.allow': 'consent.give',
  'grant.revoke': 'consent.refuse',
  'person.enrol': 'session.start',
  'person.sign_in': 'session.start',
  'person.invite': 'person.invite',
  'passkey.add': 'passkey.add',
  'passkey.remove': 'passkey.remove',
}

const callerOf = (act: FrontAct, core: Core, feed: number): CallerFacts => {
  const now = Math.floor(core.clock.now() / 1000)
  return {
    domain: core.domain.id,
    subject: act.subject,
    actors: [],
    clientId: core.domain.issuer,
    audience: core.domain.issuer,
    scope: [],
    authorizationDetails: [],
    proof: 'none',
    feed,
    issuedAt: now,
    expiresAt: now + 60,
  }
}

const operationOf = (act: FrontAct, caller: CallerFacts, core: Core): Operation => {
  const facts = {
    id: newId('opn', core.random),
    domain: core.domain.id,
    subject: act.subject,
    actors: caller.actors,
    resource: core.domain.issuer,
    method: METHOD[act.method],
    name: act.name,
    arguments: { act: act.method, client: act.client ?? null, grant: act.grant ?? null },
    labels: {},
  }
  return { ...facts, consequential: isConsequential(facts.labels), op: operationHash(facts, canonicalize) }
}

const intentOf = (act: FrontAct, operation: Operation, decision: Decision, core: Core): NewIntent => ({
  kind: 'intent',
  operation: operation.id,
  op: operation.op,
  resource: operation.resource,
  method: act.method,
  name: act.name,
  subject: act.subject,
  actors: [],
  client: act.client ?? core.domain.issuer,
  proof: 'none',
  ...(act.grant === undefined ? {} : { grant: act.grant }),
  decision: { id: decision.id, policies: decision.policies, version: decision.policyVersion, reason: decision.reason },
  ...(act.facts === undefined ? {} : { facts: act.facts }),
  deadline: core.clock.now() + DEADLINE_MS,
})

export const frontRecorder = (
  core: Core,
  decider: PolicyDecider,
  recorder: Recorder,
  feed: () => number,
  afterPeopleChanged: () => Promise<void>,
): FrontRecorder => ({
  begin: async (act) => {
    const caller = callerOf(act, core, feed())
    const operation = operationOf(act, caller, core)
    const decision = await decider.decide(operation, caller)
    if (decision.effect !== 'granted') throw refused('policy_refused', decision.reason)
    const started = core.clock.monotonic()
    const intent = await recorder.intent(intentOf(act, operation, decision, core)).catch((error: unknown) => {
      // INVARIANT: taking authority away never waits for the ledger; its own batch leaves the record in the outbox.
      if (act.method === 'grant.revoke') return undefined
      throw error
    })
    return {
      end: (status, code) => {
        if (act.method === 'person.enrol') void afterPeopleChanged().catch(() => undefined)
        if (intent === undefined) return
        recorder.outcome({
          kind: 'outcome',
          intent: intent.id,
          operation: operation.id,
          status,
          ms: Math.round(core.clock.monotonic() - started),
          ...(code === undefined ? {} : { code }),
        })
      },
    }
  },
})

const summary = async (
  grant: Awaited<ReturnType<typeof listGrants>>[number],
  clients: Clients,
): Promise<GrantSummary> => ({
  grantId: grant.id,
  clientName: (await clients.find(grant.client))?.name ?? grant.client,
  clientId: grant.client,
  resource: grant.resource,
  tools: grant.authorizationDetails.flatMap(({ tools }) => tools),
  scope: grant.scope,
  createdAt: grant.created,
  expiresAt: grant.expires,
})

export const frontGrants = (core: Core, clients: Clients, revoke: Grants['revoke']): FrontDeps['grants'] => ({
  createStatements: (grant) => grantStatements(core, grant),
  revoke,
  listFor: async (subject) => {
    const active = (await listGrants(core, { subject })).filter(({ status }) => status === 'active')
    return Promise.all(active.map((grant) => summary(grant, clients)))
  },
})

export const frontAuthentication =
  (auth: ClientAuthDeps, once: Once): NonNullable<FrontDeps['authenticateClient']> =>
  async ({ form }) => {
    const who = await authenticateClient(clientAuthentication(formParameters(form)), auth)
    await claimAssertion(who, once)
    return who.client
  }

/** One check for both endpoints: a nonce of the one is good at the other, and a proof that was used at one at neither. */
export const frontProof =
  (proofs: ProofChecker, issuer: string, once: Once): NonNullable<FrontDeps['checkProof']> =>
  async (sent) => {
    const proof = proofs.check(sent, `${issuer}/par`)
    if (proof === undefined) return undefined
    if (!(await once.claim('dpop', `as:${proof.replayKey}`, proof.replayUntil)))
      throw oauthRefused('invalid_dpop_proof', 'dpop_proof_reused', 'The DPoP proof was used before.')
    return { jkt: proof.jkt }
  }
