/** An entry of the ledger. No token, secret or raw argument stands in a record: hashes and commitments only. */
import type { PointAnswer } from './decision.ts'
import type { DomainId, RecordId } from './ids.ts'
import type { Party } from './party.ts'

export type RecordKind = 'intent' | 'outcome' | 'refusal' | 'epoch' | 'reduction' | 'alert'

interface RecordBase {
  readonly v: 1
  readonly id: RecordId
  readonly kind: RecordKind
  readonly domain: DomainId
  /** Epoch milliseconds. */
  readonly at: number
  /** Which process wrote it, and its own running number: a gap shows a loss before the log. */
  readonly emitter: string
  readonly seq: number
}

/** Durable before release. */
export interface IntentRecord extends RecordBase {
  readonly kind: 'intent'
  readonly operation: string
  readonly op: string
  readonly resource: string
  readonly method: string
  readonly name: string
  readonly definition?: string
  /** Salted commitment to the arguments; the salt is kept beside the body, never in the ledger. */
  readonly args?: string
  readonly subject: Party
  readonly actors: readonly {
    readonly iss: string
    readonly sub: string
    readonly agent?: string
    readonly owner?: string
  }[]
  readonly client: string
  readonly proof: string
  readonly jkt?: string
  /** Hash of the token. */
  readonly token?: string
  readonly jti?: string
  readonly grant?: string
  readonly txn?: string
  /** Trace id that the caller sent: a hint to join by, never trusted. */
  readonly trace?: string
  readonly decision: {
    readonly id: string
    readonly policies: readonly string[]
    readonly version: string
    readonly reason: string
    /** Where a remote decision point was asked: who said what. */
    readonly by?: readonly PointAnswer[]
    /** The resource only observes its policies: what they answered and what was not enforced. */
    readonly observed?: 'granted' | 'refused' | 'pending'
    /** What was demanded, by type: all of it was met where there is an intent. */
    readonly obligations?: readonly string[]
    /** Policies that could not be evaluated and were skipped. */
    readonly errors?: readonly string[]
    /** The task had read what strangers wrote. */
    readonly untrusted?: true
  }
  /** Small public facts of the act itself, for administration and issuance (ids, hashes, before and after). */
  readonly facts?: { readonly [key: string]: string | number | boolean | null | readonly string[] }
  /** Epoch milliseconds by which an outcome must follow. */
  readonly deadline: number
}

export interface OutcomeRecord extends RecordBase {
  readonly kind: 'outcome'
  /** Id of the intent. */
  readonly intent: string
  readonly operation: string
  readonly status: 'done' | 'failed' | 'unknown'
  readonly code?: string
  readonly result?: string
  /** Milliseconds from release to the end of the answer. */
  readonly ms: number
  readonly facts?: IntentRecord['facts']
}

/** Somebody was refused: the decision was no, or authentication failed with a token that we know. */
export interface RefusalRecord extends RecordBase {
  readonly kind: 'refusal'
  readonly code: string
  readonly reason: string
  readonly resource: string
  readonly method?: string
  readonly name?: string
  readonly op?: string
  readonly subject?: Party
  readonly actors?: IntentRecord['actors']
  readonly client?: string
  readonly jti?: string
  readonly grant?: string
  readonly txn?: string
  readonly trace?: string
  readonly decision?: IntentRecord['decision']
}

/** A restore from a backup begins an epoch: tokens of an earlier epoch are void. */
export interface EpochRecord extends RecordBase {
  readonly kind: 'epoch'
  readonly epoch: number
  readonly reason: string
}

/** An act that only reduces authority, committed before it could be written here (outbox). */
export interface ReductionRecord extends RecordBase {
  readonly kind: 'reduction'
  readonly feed: number
  readonly keys: readonly string[]
  readonly by: Party
  readonly reason: string
}

/** Something a person must look at, which no call asked for. Ids only: no argument and nothing that a caller wrote. */
export interface AlertRecord extends RecordBase {
  readonly kind: 'alert'
  readonly code: string
  readonly reason: string
  readonly facts?: IntentRecord['facts']
}

export type LedgerRecord = IntentRecord | OutcomeRecord | RefusalRecord | EpochRecord | ReductionRecord | AlertRecord
