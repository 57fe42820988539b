/** An entry of the inside feed. INVARIANT: numbers of a domain start at 1 and have no gap; the order is the order of commits. */
import type { DomainId } from '@credence/model'

export type FeedEntry = { readonly domain: DomainId; readonly number: number; readonly at: number } & FeedChange

export type FeedChange =
  /** Keys from `revocationKey`; tokens minted before this number are refused for good. */
  | { readonly kind: 'revoked'; readonly keys: readonly string[]; readonly reason: string }
  /** Agent suspended: refused while suspended; tokens minted before stay refused after a resume. */
  | { readonly kind: 'agent'; readonly agent: string; readonly status: 'active' | 'suspended' | 'retired' }
  /** A version of policies, registry (servers, labels, bearer exceptions) or public keys; the body is what a node needs. */
  | { readonly kind: 'policy'; readonly version: string; readonly body: string }
  | { readonly kind: 'registry'; readonly version: string; readonly body: string }
  | { readonly kind: 'keys'; readonly version: string; readonly body: string }
  /** A task has read what strangers wrote, and counts as such until then (epoch milliseconds). */
  | { readonly kind: 'task'; readonly task: string; readonly until: number }
  | { readonly kind: 'epoch'; readonly epoch: number }

/** Where a feed is read from: the database of the same process, or an authority over HTTP. */
export interface FeedSource {
  /**
   * Entries after `from`, at once when there are any, otherwise when one appears or after `waitMs`.
   * `head` is the number that the source had reached when it answered, `epoch` the epoch it is in (0 before any restore):
   * numbers of another epoch mean something else.
   */
  poll(
    from: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly FeedEntry[]; readonly head: number; readonly epoch: number }>
}
