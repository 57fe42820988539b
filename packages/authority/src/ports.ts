/**
 * The seam between the two halves of the authority: `front/` (people, browsers, codes) and everything from the token
 * on. Each half sees only these ports of the other.
 */
import type { Statement } from '@credence/db'
import type { AgentId, AuthorizationDetails, DomainId, GrantId, Party, SessionId, ToolLabels } from '@credence/model'

/** A public key as it stands in a key set. */
export type PublicJwk = { readonly [member: string]: unknown } & { readonly kty: string; readonly kid?: string }

/** A client of the authorization server, as both halves see it: a registered agent or a client-id metadata document. */
export interface ClientView {
  readonly clientId: string
  readonly kind: 'agent' | 'cimd' | 'dynamic'
  readonly name: string
  readonly domain: DomainId
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
  readonly authMethod: 'private_key_jwt' | 'none'
  /** Keys for `private_key_jwt`; empty for public clients. */
  readonly keys: readonly PublicJwk[]
  /** Present when the client is a registered agent. */
  readonly agent?: AgentId
  readonly owner?: { readonly id: string; readonly name: string }
  readonly spiffeId?: string
  readonly status: 'active' | 'suspended' | 'retired'
  /** Resources for which the owner allowed bearer tokens for this client. Empty: DPoP is demanded everywhere. */
  readonly bearerResources: readonly string[]
  readonly clientUri?: string
  readonly logoUri?: string
}

export interface Clients {
  /** Undefined when nobody of that id is known (or its document is not acceptable). Suspended agents are found, with their status. */
  find(clientId: string): Promise<ClientView | undefined>
}

/** Title and description are what the server says of itself: shown, never believed. Labels are our registry's. */
export interface ResourceTool {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly labels?: ToolLabels
}

export interface ResourceView {
  /** The resource identifier (RFC 8707). */
  readonly resource: string
  readonly name: string
  readonly kind: 'stdio' | 'http' | 'authority'
  readonly tools: readonly ResourceTool[]
  /** Scopes that may be asked for at this resource. */
  readonly scopes: readonly string[]
}

export interface Resources {
  /** Byte-exact comparison. */
  find(resource: string): Promise<ResourceView | undefined>
  list(): Promise<readonly ResourceView[]>
}

/** What a person allowed, ready to become a row. */
export interface NewGrant {
  readonly subject: Party
  readonly clientId: string
  readonly agent?: AgentId
  readonly resource: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  /** Epoch milliseconds. */
  readonly expiresAt: number
  /** base64url SHA-256 over the canonical evidence of consent: what was shown, to whom, when, in which session. */
  readonly evidence: string
  readonly session?: SessionId
}

export interface Grants {
  /** INVARIANT: a new grant for every authorization, never shared between two. Committed in the caller's own batch. */
  createStatements(grant: NewGrant): { readonly grantId: GrantId; readonly statements: readonly Statement[] }
  /** Row, feed entry and outbox in one batch; works while the ledger cannot be written. Idempotent. */
  revoke(grantId: GrantId, by: Party, reason: string): Promise<void>
}

/** What a code stands for. Finding it changes nothing. */
export interface RedeemableCode {
  readonly clientId: string
  readonly grantId: GrantId
  readonly subject: Party
  readonly resource: string
  readonly scope: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  readonly redirectUri: string
  readonly codeChallenge: string
  readonly codeChallengeMethod: 'S256'
  readonly dpopJkt?: string
  readonly session?: SessionId
  /** OpenID Connect facts, when the scope holds `openid`. */
  readonly nonce?: string
  readonly authTime?: number
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly consumed: boolean
}

/** Given by `front/`. */
export interface Codes {
  find(code: string): Promise<RedeemableCode | undefined>
  /** Part of the redeeming batch: expects exactly one row, conflict `code_consumed`. */
  consumeStatement(code: string): Statement
}
