/** The shapes a guard's Recorder has; structural, so that audit needs no guard. */
import type {
  AlertRecord,
  DomainId,
  EpochRecord,
  IntentRecord,
  LedgerRecord,
  OutcomeRecord,
  ReductionRecord,
  RefusalRecord,
} from '@credence/model'

type New<R> = Omit<R, 'v' | 'id' | 'at' | 'emitter' | 'seq' | 'domain'>
export type NewIntent = New<IntentRecord>
export type NewOutcome = New<OutcomeRecord>
export type NewRefusal = New<RefusalRecord>
export type NewReduction = New<ReductionRecord>
export type NewEpoch = New<EpochRecord>
export type NewAlert = New<AlertRecord>

export interface Receipt {
  readonly index: number
  /** base64url of the RFC 9162 leaf hash. */
  readonly leaf: string
}

export interface OpenIntent {
  readonly id: string
  readonly operation: string
  readonly deadline: number
  readonly resource: string
  readonly method: string
  readonly name: string
  /** Is the deadline past? */
  readonly overdue: boolean
}

export interface RecorderIdentity {
  readonly domain: DomainId
  /** Which process writes; unique per process start is not needed, unique per process is. */
  readonly emitter: string
}

export interface AuditRecorder {
  /** Resolves when the intent is durable. `id`: only for an intent that was owed (outbox) and got its id then. */
  intent(record: NewIntent, id?: string): Promise<Receipt & { readonly id: string }>
  outcome(record: NewOutcome): void
  refusal(record: NewRefusal): void
  /** What an act that only reduces authority left in the outbox. Idempotent by `id` as long as the id is remembered. */
  reduction(record: NewReduction, id?: string): Promise<Receipt & { readonly id: string }>
  epoch(record: NewEpoch): Promise<Receipt & { readonly id: string }>
  /** What a person must look at. Not awaited: a record that cannot be written is itself reported. */
  alert(record: NewAlert): void
  /** Intents of this process that have no outcome yet. */
  openIntents(): readonly OpenIntent[]
  /** Outcomes and refusals that are not durable yet. */
  backlog(): number
  /** Resolves when all that was recorded so far is durable or has been given up (and reported). */
  drain(): Promise<void>
  close(): Promise<void>
}

/** `overdue`: an intent without outcome past its deadline. `lost`: an outcome or refusal that could not be written. */
export type Alert =
  | { readonly kind: 'overdue'; readonly intent: OpenIntent }
  | { readonly kind: 'lost'; readonly record: LedgerRecord; readonly error: unknown }
