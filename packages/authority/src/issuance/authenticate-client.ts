/**
 * Who calls the token endpoint, and which key they prove: the one place where a client is authenticated, for every
 * grant. INVARIANT: one method a client, the registered one (no downgrade to `none`), and one answer for an unknown
 * client, an unknown key and a wrong signature.
 *
 * The one-time claims of assertion and proof are not made here: they commit with what they are used for.
 */
import type { KeyObject } from 'node:crypto'
import { type Clock, unavailable } from '@credence/kit'
import { importJwk, thumbprint } from '@credence/protocol/jose'
import type { ClientAuthentication, PresentedAssertion, VerifiedClientAssertion } from '@credence/protocol/oauth'
import { oauthRefused, readClientAssertion, verifyClientAssertion } from '@credence/protocol/oauth'
import type { Clients, ClientView } from '../ports.ts'
import type { Directory, KnownAgent } from '../registry/directory.ts'

export interface AuthenticatedClient {
  readonly client: ClientView
  /** When the client is an agent of the registry. */
  readonly agent?: KnownAgent
  readonly assertion?: VerifiedClientAssertion
  /** Thumbprint of the key that signed the assertion. */
  readonly assertionKey?: string
}

export interface ClientAuthDeps {
  readonly issuer: string
  readonly clock: Pick<Clock, 'now'>
  readonly skewSeconds: number
  readonly clients: Clients
  readonly directory: Directory
}

const notAccepted = () =>
  oauthRefused('invalid_client', 'client_refused', 'The client was not accepted.', {
    headers: { 'WWW-Authenticate': 'PrivateKeyJwt' },
  })

const claimedClient = ({ clientId }: ClientAuthentication, read: PresentedAssertion | undefined): string => {
  const claimed = read?.subject ?? clientId
  if (claimed === undefined || (clientId !== undefined && clientId !== claimed)) throw notAccepted()
  return claimed
}

/** A key that no client has: verifying against it costs an unknown client what it costs a known one. */
let decoy: KeyObject | undefined
const decoyKey = (): KeyObject => {
  decoy ??= importJwk({
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  })
  return decoy
}

const keyOf = (found: Found | undefined, kid: string | undefined): KeyObject | undefined => {
  if (found === undefined) return decoyKey()
  if (kid !== undefined) return found.keys.get(kid)
  return found.keys.size === 1 ? found.keys.values().next().value : undefined
}

interface Found {
  readonly client: ClientView
  readonly agent?: KnownAgent
  readonly keys: ReadonlyMap<string, KeyObject>
}

const find = async (clientId: string, deps: ClientAuthDeps): Promise<Found | undefined> => {
  const client = await deps.clients.find(clientId)
  if (client === undefined) return undefined
  const agent = client.kind === 'agent' ? deps.directory.agent(clientId) : undefined
  if (agent !== undefined) return { client, agent, keys: agent.imported }
  return { client, keys: new Map(client.keys.map((key) => [String(key.kid), importJwk(key)])) }
}

/** RFC 6749 section 2.3 with RFC 7523; OAuth 2.1 section 2.4 for public clients. */
export const authenticateClient = async (
  presented: ClientAuthentication,
  deps: ClientAuthDeps,
): Promise<AuthenticatedClient> => {
  const read = presented.assertion === undefined ? undefined : readClientAssertion(presented.assertion)
  const clientId = claimedClient(presented, read)
  const found = await find(clientId, deps)
  if (read === undefined) return publicClient(found)
  const assertion = verifyClientAssertion({
    assertion: read,
    clientId,
    issuer: deps.issuer,
    key: (kid) => keyOf(found, kid),
    now: deps.clock.now(),
    skewSeconds: deps.skewSeconds,
  })
  if (found === undefined || found.client.authMethod !== 'private_key_jwt') throw notAccepted()
  mustBeActive(found.client)
  return {
    client: found.client,
    assertion,
    ...thumbprintOf(found, assertion.kid),
    ...(found.agent === undefined ? {} : { agent: found.agent }),
  }
}

/** An agent's keys are named by their thumbprints; others name theirs as they like. */
const thumbprintOf = (found: Found, kid: string | undefined): Pick<AuthenticatedClient, 'assertionKey'> => {
  if (found.agent !== undefined && kid !== undefined) return { assertionKey: kid }
  const key = keyOf(found, kid)
  return key === undefined ? {} : { assertionKey: thumbprint(key) }
}

const publicClient = (found: Found | undefined): AuthenticatedClient => {
  if (found === undefined || found.client.authMethod !== 'none') throw notAccepted()
  mustBeActive(found.client)
  return { client: found.client }
}

const mustBeActive = (client: ClientView): void => {
  if (client.status === 'active') return
  throw oauthRefused('invalid_client', 'agent_not_active', `The agent is ${client.status}.`)
}

/** For endpoints where only confidential clients may ask. */
export const mustBeConfidential = (
  who: AuthenticatedClient,
): AuthenticatedClient & { assertion: VerifiedClientAssertion } => {
  if (who.assertion === undefined) throw notAccepted()
  return { ...who, assertion: who.assertion }
}

/** Used up at once, at endpoints that mint nothing. */
export const claimAssertion = async (
  who: AuthenticatedClient,
  once: { claim(use: 'client_assertion', key: string, until: number): Promise<boolean> },
): Promise<void> => {
  if (who.assertion === undefined) return
  let first: boolean
  try {
    first = await once.claim('client_assertion', who.assertion.replayKey, who.assertion.replayUntil)
  } catch (cause) {
    throw unavailable('once_unavailable', 'The request cannot be checked at the moment.', { cause })
  }
  if (!first) throw assertionReused()
}

export const assertionReused = () =>
  oauthRefused('invalid_client', 'client_assertion_reused', 'The client assertion was used before.')
