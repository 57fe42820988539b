/**
 * What the guard needs from outside. Each port says what happens when it does not answer: refuse or continue.
 * The composition root hands us Credence's implementations or somebody else's.
 */
import type {
  CallerFacts,
  Decision,
  IntentRecord,
  Obligation,
  Operation,
  OutcomeRecord,
  RefusalRecord,
} from '@credence/model'

/**
 * Bytes to verified facts. One implementation reads access tokens with their proof (guard), another reads the
 * authentication of an agent at the token endpoint (authority).
 * When it cannot answer: refuse.
 */
export interface Authenticator<Input> {
  authenticate(presented: Input): Promise<Authenticated> | Authenticated
}

export interface Authenticated {
  readonly facts: CallerFacts
  /** Follows this caller's revocation keys; see `RevocationHandle`. */
  readonly revocation: RevocationHandle
}

/**
 * A flag that sync sets when an entry of the feed concerns any of the caller's keys (a reverse index, so that asking
 * costs one read). INVARIANT: once true, never false again for this token.
 */
export interface RevocationHandle {
  readonly revoked: boolean
  /** Which key was revoked, for the reason that is shown. */
  readonly revokedBy: string | undefined
}

/**
 * The inside feed as the guard sees it. When it cannot answer: `lease()` says so and consequential operations are
 * refused at once, others after five seconds.
 */
export interface Revocations {
  /** INVARIANT: a token minted at a number that this node has not reached is not judged before the node has caught up. */
  follow(facts: CallerFacts): Promise<RevocationHandle> | RevocationHandle
  /** Compared on every call against the monotonic clock. */
  lease(): 'fresh' | 'stale' | 'lost'
  /**
   * A short patience before a call is refused for want of a lease: a process that was busy for a second asks anew and
   * has the answer milliseconds later. Resolves when there is a lease again, or when the patience ends; never rejects.
   */
  renewed?(): Promise<void>
}

/** When it does not answer, answers late or answers nonsense: refuse. */
export interface Decider {
  decide(operation: Operation, caller: CallerFacts): Decision | Promise<Decision>
}

/**
 * What a decision demands beside its yes. `met` answers true only when the obligation is fulfilled or will be before
 * release. An obligation nobody here knows, one that answers no and one that throws: refuse.
 */
export interface Obligations {
  met(obligation: Obligation, operation: Operation, caller: CallerFacts): boolean | Promise<boolean>
}

export interface Receipt {
  /** Index of the leaf in the domain's ledger. */
  readonly index: number
  /** base64url of the RFC 9162 leaf hash. */
  readonly leaf: string
}

type New<R> = Omit<R, 'v' | 'id' | 'at' | 'emitter' | 'seq' | 'domain'>
export type NewIntent = New<IntentRecord>
export type NewOutcome = New<OutcomeRecord>
export type NewRefusal = New<RefusalRecord>

/** When it cannot acknowledge: the operation is refused (`intent`); outcomes and refusals spool within a bound. */
export interface Recorder {
  /** Resolves when the intent is durable. */
  intent(record: NewIntent): Promise<Receipt & { readonly id: string }>
  /** Not awaited on the hot path; an intent without an outcome past its deadline is an alert. */
  outcome(record: NewOutcome): void
  refusal(record: NewRefusal): void
}

/**
 * Only an authority has one: where an act that reduces authority leaves its intent when the ledger cannot take it.
 * `owe` gives the record an id; the act itself must commit `Debt` in the same batch as its rows and its feed entry
 * (docs/design/0001 section 3). When it cannot answer: refuse.
 */
export interface Outbox {
  owe(record: NewIntent): Debt | Promise<Debt>
}

export interface Debt {
  readonly id: string
  readonly record: NewIntent
}

/** Salted commitment to the arguments, kept beside the body. When it cannot answer: refuse. */
export interface Commitments {
  commit(operation: Operation): string | Promise<string>
}

/**
 * What strangers wrote is about to be read in the caller's task. When this resolves the task is marked, durably and for
 * every node: `context.untrusted` of whatever is decided from then on. When it cannot answer: refuse.
 */
export interface Tasks {
  /** Undefined: it was marked before. */
  mark(caller: CallerFacts): Promise<void> | undefined
}

/** Header fields to add at release, for the upstream only. When it cannot answer: refuse. */
export interface UpstreamCredential {
  headersFor(
    operation: Operation,
    caller: CallerFacts,
  ): Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
}
