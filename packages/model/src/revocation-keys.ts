/**
 * The only spelling of the keys under which something can be revoked.
 *
 * INVARIANT: whatever revokes (authority) and whatever asks (every guard) build keys here and nowhere else.
 */
import type { CallerFacts } from './caller.ts'
import type { Party } from './party.ts'

export const revocationKey = {
  token: (jti: string): string => `jti:${jti}`,
  grant: (grant: string): string => `grant:${grant}`,
  workflow: (workflow: string): string => `workflow:${workflow}`,
  hop: (hop: string): string => `hop:${hop}`,
  agent: (agent: string): string => `agent:${agent}`,
  instance: (instance: string): string => `instance:${instance}`,
  owner: (owner: string): string => `owner:${owner}`,
  client: (clientId: string): string => `client:${clientId}`,
  /** JSON keeps the border between issuer and subject unambiguous. */
  party: (party: Party): string => `party:${JSON.stringify([party.iss, party.sub])}`,
  session: (session: string): string => `session:${session}`,
  proofKey: (jkt: string): string => `key:${jkt}`,
  signingKey: (kid: string): string => `signing:${kid}`,
  domain: (domain: string): string => `domain:${domain}`,
} as const

/** Every key whose revocation concerns this caller. */
export const revocationKeys = (facts: CallerFacts): string[] => {
  const keys = [
    revocationKey.domain(facts.domain),
    revocationKey.party(facts.subject),
    revocationKey.client(facts.clientId),
  ]
  if (facts.tokenId !== undefined) keys.push(revocationKey.token(facts.tokenId))
  if (facts.grant !== undefined) keys.push(revocationKey.grant(facts.grant))
  if (facts.workflow !== undefined) keys.push(revocationKey.workflow(facts.workflow))
  if (facts.session !== undefined) keys.push(revocationKey.session(facts.session))
  if (facts.jkt !== undefined) keys.push(revocationKey.proofKey(facts.jkt))
  if (facts.signingKey !== undefined) keys.push(revocationKey.signingKey(facts.signingKey))
  for (const actor of facts.actors) {
    keys.push(revocationKey.party(actor.party))
    if (actor.agent !== undefined) keys.push(revocationKey.agent(actor.agent))
    if (actor.instance !== undefined) keys.push(revocationKey.instance(actor.instance))
    if (actor.owner !== undefined) keys.push(revocationKey.owner(actor.owner))
  }
  return keys
}
