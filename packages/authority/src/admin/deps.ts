import type { AuditIndex, Intake } from '@credence/audit'
import type { Statement } from '@credence/db'
import type { Debt } from '@credence/guard'
import type { Ledger } from '@credence/ledger'
import type { FeedSource, Follower } from '@credence/sync'
import type { Core } from '../core.ts'
import type { SigningKeys } from '../keys/signing-keys.ts'
import type { People } from '../people/index.ts'
import type { Policies } from '../policies/policies.ts'
import type { Clients } from '../ports.ts'
import type { Directory } from '../registry/directory.ts'
import type { Registry } from '../registry/registry.ts'
import type { Revocable } from '../revocation/revoke.ts'
import type { Witnessing } from '../witnessing/index.ts'

export interface AdminDeps {
  readonly core: Core
  readonly gatewayUrl: string
  readonly directory: Directory
  readonly clients: Clients
  readonly signingKeys: SigningKeys
  readonly policies: Policies
  readonly people: People
  readonly ledger: Ledger
  readonly witnessing: Pick<Witnessing, 'newest'> | undefined
  readonly auditIndex: AuditIndex
  readonly intake: Intake
  readonly feed: FeedSource
  readonly follower: Pick<Follower, 'caughtUp'>
  readonly registry: () => Registry
  /** Read again after a change made here. */
  readonly reloadRegistry: () => Promise<Registry>
  readonly revocationOf: (what: Revocable, reason: string) => Promise<readonly Statement[]>
  /** Commits a batch that only takes authority away, with the record it owes. */
  readonly reduce: (statements: readonly Statement[], debt: Debt | undefined) => Promise<void>
  readonly status: () => Promise<Record<string, unknown>>
}
