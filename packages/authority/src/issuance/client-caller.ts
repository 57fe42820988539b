/** An authenticated client as a caller of the authority: what policy and record see of it. */
import type { Authenticated } from '@credence/guard'
import type { CallerFacts } from '@credence/model'
import type { Core } from '../core.ts'
import { ROLE_SCOPES } from '../registry/agents.ts'
import type { Redemption } from './plan.ts'

/**
 * NOTE: what is presented is made anew for each request, and its standing is read from the rows in the batch that acts;
 * there is nothing older that an entry of the feed could concern.
 */
const STANDS = Object.freeze({ revoked: false, revokedBy: undefined })

const REQUEST_SECONDS = 60

export const clientCaller = (
  { who, proof }: Pick<Redemption, 'who' | 'proof'>,
  presentedHash: string | undefined,
  core: Pick<Core, 'domain' | 'clock'>,
  feed: number,
): Authenticated => {
  const { domain } = core
  const now = Math.floor(core.clock.now() / 1000)
  const party = { iss: domain.issuer, sub: who.agent?.spiffeId ?? who.client.clientId }
  const facts: CallerFacts = {
    domain: domain.id,
    subject: party,
    actors: who.agent === undefined ? [] : [{ party, agent: who.agent.id, owner: who.agent.owner }],
    clientId: who.client.clientId,
    audience: domain.issuer,
    scope: who.agent === undefined ? [] : ROLE_SCOPES[who.agent.role],
    authorizationDetails: [],
    proof: who.assertion !== undefined ? 'client_assertion' : proof === undefined ? 'none' : 'dpop',
    ...(proof === undefined ? {} : { jkt: proof.jkt }),
    ...(presentedHash === undefined ? {} : { tokenHash: presentedHash }),
    feed,
    issuedAt: now,
    expiresAt: now + REQUEST_SECONDS,
  }
  return { facts, revocation: STANDS }
}
