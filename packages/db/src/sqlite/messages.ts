/** What the two threads say to each other. Texts travel once, then by number; many batches in one message. */
import type { Row, Value } from '../types.ts'
import type { Packed } from './packed.ts'

export interface Job {
  /** Numbers of the statements' texts. */
  readonly texts: readonly number[]
  readonly parameters: readonly (readonly Value[])[]
  /** Rows that each statement must have changed; `ANY`, or `SOME` for at least one. */
  readonly expects: readonly number[]
  readonly reducesAuthority: boolean
}

export const ANY = -1
export const SOME = -2

export interface Work {
  readonly jobs: Packed
  /** Texts that the worker has not seen: number and SQL. */
  readonly texts: readonly (readonly [number, string])[]
  /** Forget every text that came before. */
  readonly reset: boolean
}

export type Reply =
  | { readonly rows: readonly (readonly Row[])[] }
  /** Index of the statement whose expectation (or unique or foreign key) did not hold. */
  | { readonly conflict: number }
  | { readonly unavailable: string }
  | { readonly bug: string }

export type ToWorker = Work | 'close'
export type FromWorker =
  | { readonly replies: readonly Reply[] }
  | { readonly opened: true }
  | { readonly failed: string }

export interface WorkerSettings {
  readonly file: string
  readonly maxPages: number | undefined
  readonly reserveBytes: number
}
