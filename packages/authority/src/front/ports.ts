/** What the front half needs from outside, each asked for alone. */
import type { Database } from '@credence/db'
import type { Debt } from '@credence/guard'
import type { Clock, KeyMaker, Once, Random } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import type { Logger } from '@credence/kit/telemetry'
import type { DomainId, GrantId, Party } from '@credence/model'
import type { ActsOfPeople } from '../people/acts.ts'
import type { UpstreamProvider } from '../people/upstream.ts'
import type { Clients, ClientView, Grants, Resources } from '../ports.ts'

/** A grant as its person sees it. */
export interface GrantSummary {
  readonly grantId: GrantId
  readonly clientName: string
  readonly clientId: string
  readonly resource: string
  readonly tools: readonly string[]
  readonly scope: readonly string[]
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly expiresAt: number
}

/** The grants of one person. When it cannot answer: the page says so; nothing is shown as revoked. */
export interface OwnGrants {
  /** Active and unexpired grants of exactly this subject. */
  listFor(subject: Party): Promise<readonly GrantSummary[]>
  /** As its person asked; the record that is owed commits with it. Works while the ledger cannot be written. */
  takeBack(grant: GrantId, debt: Debt | undefined): Promise<void>
}

/** What a client presented at the pushed authorization request endpoint. */
export interface PresentedClient {
  readonly form: ReadonlyMap<string, string>
  readonly authorization?: string
}

export interface FrontDeps {
  /** The issuer identifier: scheme, host and port, without a path. Never derived from a request. */
  readonly issuer: string
  readonly domain: DomainId
  /** What pages call this place; default is the issuer's host. */
  readonly domainName?: string
  readonly db: Database
  readonly once: Once
  readonly clock: Clock
  readonly random: Random
  readonly keys: KeyMaker
  readonly log: Logger
  readonly clients: Clients
  readonly resources: Resources
  readonly grants: Grants & OwnGrants
  /** Everything that a person does goes through this. */
  readonly acts: ActsOfPeople
  /**
   * Authenticates a client exactly as the token endpoint does, so that one assertion cannot be used at both. Runs before
   * the library's own check. Throws `refused` with `invalid_client`.
   */
  readonly authenticateClient?: (presented: PresentedClient) => Promise<ClientView>
  /**
   * Checks the proof of a pushed request exactly as the token endpoint does, with the same nonces, and takes it once.
   * Undefined when none was sent. Throws `refused` with `use_dpop_nonce` or `invalid_dpop_proof`. Absent: the library checks.
   */
  readonly checkProof?: (sent: readonly string[]) => Promise<{ readonly jkt: string } | undefined>
  /** At least 32 bytes, made at first start and sealed at rest; newest first. Cookies, forms and challenges hang on it. */
  readonly secrets: readonly [Uint8Array, ...Uint8Array[]]
  /** OpenID providers that people may come from. */
  readonly upstreams?: readonly UpstreamProvider[]
  /** Reaches the upstream providers; private addresses only from an allow-list that the owner set. */
  readonly upstreamFetch?: SafeFetch
  /** Milliseconds that a sign-in lasts; default 8 hours. */
  readonly sessionLifetime?: number
}
