/** What the front half is given: grants, the pipeline for acts of people, and the authentication of clients. */

import {
  type Authenticator,
  createPipeline,
  type Decider,
  type Mapping,
  type Outbox,
  type Recorder,
  type RevocationHandle,
  type Revocations,
} from '@credence/guard'
import type { Clock, Once, Random } from '@credence/kit'
import type { CallerFacts, DomainId } from '@credence/model'
import { clientAuthentication, formParameters, oauthRefused } from '@credence/protocol/oauth'
import type { Core } from './core.ts'
import type { FrontDeps, GrantSummary } from './front/index.ts'
import { grantStatements, listGrants } from './grants/grants.ts'
import { authenticateClient, type ClientAuthDeps, claimAssertion } from './issuance/authenticate-client.ts'
import type { ProofChecker } from './issuance/proof.ts'
import type { ActOfPerson, ActsOfPeople, PersonCall, Shown, Wanted } from './people/acts.ts'
import type { Clients } from './ports.ts'
import type { Withdrawals } from './withdrawals.ts'

/** Policies speak of what a person does, records of what comes of it. */
const IN_POLICIES: Readonly<Record<ActOfPerson['method'], string>> = {
  'grant.allow': 'consent.give',
  'grant.revoke': 'consent.refuse',
  'person.enrol': 'session.start',
  'person.sign_in': 'session.start',
  'person.invite': 'person.invite',
}

const inPolicies = (decider: Decider): Decider => ({
  decide: (operation, caller) => {
    const method = IN_POLICIES[operation.method as ActOfPerson['method']]
    return decider.decide({ ...operation, method }, caller)
  },
})

export interface ActsDeps {
  readonly issuer: string
  readonly domain: DomainId
  readonly clock: Clock
  readonly random: Random
  readonly decider: Decider
  readonly recorder: Recorder
  readonly outbox: Outbox
  readonly revocations: Revocations & { readonly number: number }
  /** Somebody has become a person of this domain. */
  readonly joined: () => Promise<unknown>
}

/** An act takes one request; what a person shows is made or read anew for each. */
const REQUEST_SECONDS = 60

const SUSPENDED: RevocationHandle = Object.freeze({ revoked: true, revokedBy: 'the suspension of the person' })

const factsOf = ({ person, session }: Shown, feed: number, deps: ActsDeps): CallerFacts => {
  const now = Math.floor(deps.clock.now() / 1000)
  return {
    domain: deps.domain,
    subject: { iss: deps.issuer, sub: person },
    actors: [],
    clientId: deps.issuer,
    audience: deps.issuer,
    scope: [],
    authorizationDetails: [],
    proof: 'none',
    ...(session === undefined ? {} : { session }),
    feed,
    issuedAt: now,
    expiresAt: now + REQUEST_SECONDS,
  }
}

/**
 * INVARIANT: the number of the feed is taken before the rows are read. A session that was withdrawn before is not among
 * them, and what withdraws it later has a higher number, so that it is seen at the release once this node has heard of
 * it; until then the batch of the act sees that the session is gone (`whileSignedIn`).
 */
const evidence = (deps: ActsDeps): Authenticator<() => Promise<Shown>> => ({
  authenticate: async (who) => {
    const { number } = deps.revocations
    const shown = await who()
    const facts = factsOf(shown, number, deps)
    return { facts, revocation: shown.stands ? await deps.revocations.follow(facts) : SUSPENDED }
  },
})

const mappingOf = ({ method, name, client, grant, facts }: ActOfPerson, issuer: string): Mapping => ({
  resource: issuer,
  method,
  name,
  arguments: { client: client ?? null, grant: grant ?? null, facts: facts ?? {} },
  concerns: { ...(client === undefined ? {} : { client }), ...(grant === undefined ? {} : { grant }) },
  reduces: method === 'grant.revoke',
  ...(facts === undefined ? {} : { facts }),
})

export const actsOfPeople = (deps: ActsDeps): ActsOfPeople => {
  const pipeline = createPipeline({ ...deps, authenticator: evidence(deps), decider: inPolicies(deps.decider) })
  return async <Who extends Shown, What extends Wanted, Result>({
    who,
    what,
    carryOut,
  }: PersonCall<Who, What, Result>) => {
    const seen: { who?: Who; what?: What } = {}
    return pipeline<Result>({
      input: async () => {
        seen.who = await who()
        return seen.who
      },
      map: async () => {
        seen.what = await what(seen.who as Who)
        return mappingOf(seen.what.act, deps.issuer)
      },
      send: async ({ debt }) => {
        const value = await carryOut(seen.what as What, debt)
        if (seen.what?.act.method === 'person.enrol') await deps.joined()
        return { value }
      },
    })
  }
}

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

export const frontGrants = (
  core: Core,
  clients: Clients,
  { revoke, revokeUnasked }: Withdrawals,
): FrontDeps['grants'] => ({
  createStatements: (grant) => grantStatements(core, grant),
  revoke: revokeUnasked,
  takeBack: (id, debt) => revoke({ kind: 'grant', id }, 'taken back by the person', debt),
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
