import type { Clock } from '../deps.ts'
import { unavailable } from '../errors.ts'

const MINUTE = 60_000
const MAX_HOSTS = 10_000

/** At most so many requests in a minute: nobody makes us a hammer for somebody else. */
export const createRate = (
  clock: Pick<Clock, 'monotonic'>,
  perHost: number,
  total: number,
): ((host: string) => void) => {
  let counts = new Map<string, number>()
  let started = clock.monotonic()
  let all = 0
  return (host) => {
    if (clock.monotonic() - started >= MINUTE) {
      counts = new Map()
      started = clock.monotonic()
      all = 0
    }
    const count = counts.get(host) ?? 0
    if (count >= perHost || all >= total || counts.size >= MAX_HOSTS) {
      throw unavailable('fetch_rate', 'Too many requests to other servers; try again in a minute.', { detail: host })
    }
    counts.set(host, count + 1)
    all += 1
  }
}
