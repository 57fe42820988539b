/** The verified facts about who is calling. Nothing in here is merely asserted by the caller. */
import type { AuthorizationDetails } from './authorization-details.ts'
import type { AgentId, DomainId, GrantId, InstanceId, OwnerId, SessionId, WorkflowId } from './ids.ts'
import type { Party } from './party.ts'

/** How the caller proved possession of a key in this very request. `none`: a bearer token that the owner of the resource allowed. */
export type ProofMethod = 'dpop' | 'mtls' | 'client_assertion' | 'none'

export interface ActorFacts {
  /** `sub` is the agent's SPIFFE identifier. */
  readonly party: Party
  readonly agent?: AgentId
  readonly instance?: InstanceId
  readonly owner?: OwnerId
}

export interface CallerFacts {
  readonly domain: DomainId
  /** The person, or the agent acting for itself, whose authority is used. */
  readonly subject: Party
  /** Who acts; outermost (current) first. Empty only when a person acts without an agent. */
  readonly actors: readonly ActorFacts[]
  readonly clientId: string
  /** The one audience for which the token was minted. */
  readonly audience: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  readonly proof: ProofMethod
  /** RFC 7638 thumbprint of the key that proved possession. */
  readonly jkt?: string
  /** `jti` of the token. */
  readonly tokenId?: string
  /** base64url(SHA-256(token)): what records carry instead of the token. */
  readonly tokenHash?: string
  /** The key that signed the token. */
  readonly signingKey?: string
  readonly grant?: GrantId
  readonly workflow?: WorkflowId
  readonly session?: SessionId
  /** Transaction: one per task, signed. */
  readonly txn?: string
  /** Number of the feed when the token was minted. A revocation entry with a number above it concerns this token. */
  readonly feed: number
  /** Epoch seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
}
