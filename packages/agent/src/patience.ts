/** How long this agent waits when a server says that it is busy. */
const MIN_WAIT_MS = 100
const MAX_WAIT_MS = 5_000

/** Waits of one request, so that no server can keep an agent in a circle. */
export const MAX_WAITS = 3

/**
 * Milliseconds to wait before the same is sent again, or undefined: the answer is the caller's. RFC 9110 section
 * 10.2.3; a date, which would need the server's clock, is not waited for.
 */
export const patienceFor = (status: number, retryAfter: string | null | undefined): number | undefined => {
  if (status !== 429 && status !== 503) return undefined
  if (retryAfter == null || !/^\d{1,6}$/.test(retryAfter.trim())) return undefined
  const wait = Number(retryAfter) * 1000
  return wait > MAX_WAIT_MS ? undefined : Math.max(wait, MIN_WAIT_MS)
}
