/** How much of what may be asked elsewhere one caller may use up: nobody's calls are refused because somebody else asks a lot. */
import { type Clock, refused } from '@credence/kit'

const MINUTE = 60_000
/** Callers that are counted in one minute; those after them share one count. */
const COUNTED = 10_000
/** One caller may have a quarter. */
const SHARES = 4

/** Counts questions of one caller in this minute; throws `decision_rate` when its share is used up. */
export const createCallerShare = (clock: Pick<Clock, 'monotonic'>, perMinute: number) => {
  const share = Math.max(1, Math.floor(perMinute / SHARES))
  let counts = new Map<string, number>()
  let started = clock.monotonic()
  return (caller: string, questions: number): void => {
    if (clock.monotonic() - started >= MINUTE) {
      counts = new Map()
      started = clock.monotonic()
    }
    const key = counts.has(caller) || counts.size < COUNTED ? caller : ''
    const count = (counts.get(key) ?? 0) + questions
    if (count > share)
      throw refused('decision_rate', 'This agent has asked for too many decisions; try again in a minute.', {
        status: 429,
        headers: { 'Retry-After': '60' },
      })
    counts.set(key, count)
  }
}
