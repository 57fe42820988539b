/**
 * Search: the candidates for which the evaluation says yes, one after another, a page at a time.
 *
 * INVARIANT: an id is in the results exactly when the evaluation of the same question about it permits.
 */
import type { PolicySnapshot } from './snapshot.ts'

export interface SearchPage {
  readonly found: readonly string[]
  /** The last candidate that was looked at, when there may be more. */
  readonly next: string | undefined
}

export interface SearchOptions {
  /** Sorted (by UTF-16 code units), without repetition. */
  readonly candidates: readonly string[]
  readonly permits: (candidate: string) => boolean | Promise<boolean>
  /** Begin behind this one, whether it is still there or not. */
  readonly after?: string | undefined
  readonly limit: number
  /** How many candidates are looked at in one go, found or not: a page costs no more, however few are permitted. */
  readonly scan: number
}

/** Index of the first candidate behind `after`. */
const firstBehind = (candidates: readonly string[], after: string | undefined): number => {
  if (after === undefined) return 0
  let low = 0
  let high = candidates.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((candidates[middle] as string) <= after) low = middle + 1
    else high = middle
  }
  return low
}

export const searchPage = async ({ candidates, permits, after, limit, scan }: SearchOptions): Promise<SearchPage> => {
  const found: string[] = []
  const start = firstBehind(candidates, after)
  const end = Math.min(candidates.length, start + scan)
  let at = start
  while (at < end && found.length < limit) {
    const candidate = candidates[at] as string
    at += 1
    const answer = permits(candidate)
    if (typeof answer === 'boolean' ? answer : await answer) found.push(candidate)
  }
  return { found, next: at < candidates.length && at > start ? candidates[at - 1] : undefined }
}

/** Names of the actions that the schema declares for a subject and a resource of these types, sorted. */
export const applicableActions = ({ declared }: PolicySnapshot, principal: string, resource: string): string[] =>
  [...declared.applies.values()]
    .filter(({ principals, resources }) => principals.has(principal) && resources.has(resource))
    .map(({ name }) => name)
    .sort()
