/** `datetime` (milliseconds since 1970, without leap seconds) and `duration` (milliseconds), both as longs. */
import { longOfDigits, toLong } from '../longs.ts'
import { Extension, type Long } from '../values.ts'

export class CedarDatetime extends Extension {
  readonly type = 'datetime'
  readonly ms: Long
  constructor(ms: Long) {
    super()
    this.ms = ms
  }
  get key(): string {
    return `datetime ${this.ms}`
  }
}

export class CedarDuration extends Extension {
  readonly type = 'duration'
  readonly ms: Long
  constructor(ms: Long) {
    super()
    this.ms = ms
  }
  get key(): string {
    return `duration ${this.ms}`
  }
}

const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?(Z|[+-][0-9]{4}))?$/

const daysIn = (year: number, month: number): number => {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Minutes east of UTC; undefined when there is no such offset. */
const offsetOf = (zone: string): number | undefined => {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

/** `YYYY-MM-DD`, or with `THH:MM:SS`, milliseconds or not, and `Z` or `+hhmm`. Undefined: not such a text, or no such time. */
export const parseDatetime = (text: string): CedarDatetime | undefined => {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milli = 0] = match
    .slice(1, 8)
    .map((part) => Number(part ?? 0))
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  const offset = offsetOf(match[8] ?? 'Z')
  if (hour > 23 || minute > 59 || second > 59 || offset === undefined) return undefined
  // `Date.UTC` takes years below 100 for years of the twentieth century.
  const date = new Date(0).setUTCFullYear(year, month - 1, day)
  return new CedarDatetime(date + (((hour * 60 + minute - offset) * 60 + second) * 1000 + milli))
}

const SPAN = /^(-?)(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$/
const DAY = 86_400_000
const UNITS = [DAY, 3_600_000, 60_000, 1000, 1]

/** Days, hours, minutes, seconds, milliseconds, in this order, at least one. Undefined: not such a text, or beyond 64 bits. */
export const parseDuration = (text: string): CedarDuration | undefined => {
  const match = SPAN.exec(text)
  if (match === null || text === '' || text === '-') return undefined
  let sum = 0n
  // INVARIANT: smallest unit first, and every step within 64 bits, as Cedar adds.
  for (const [index, unit] of [...UNITS.entries()].reverse()) {
    const count = longOfDigits(match[index + 2] ?? '0', match[1] === '-')
    const part = count === undefined ? undefined : toLong(BigInt(count) * BigInt(unit))
    const next = part === undefined ? undefined : toLong(sum + BigInt(part))
    if (next === undefined) return undefined
    sum = BigInt(next)
  }
  const ms = toLong(sum)
  return ms === undefined ? undefined : new CedarDuration(ms)
}

export const durationText = ({ ms }: CedarDuration): string => `${ms}ms`

const later = (at: Long, by: bigint): Long | undefined => toLong(BigInt(at) + by)

/** Undefined: beyond 64 bits. */
export const offset = (at: CedarDatetime, by: CedarDuration): CedarDatetime | undefined => {
  const ms = later(at.ms, BigInt(by.ms))
  return ms === undefined ? undefined : new CedarDatetime(ms)
}

/** Undefined: beyond 64 bits. */
export const durationSince = (at: CedarDatetime, earlier: CedarDatetime): CedarDuration | undefined => {
  const ms = later(at.ms, -BigInt(earlier.ms))
  return ms === undefined ? undefined : new CedarDuration(ms)
}

/** Since midnight; never negative. */
export const toTime = ({ ms }: CedarDatetime): CedarDuration => {
  const rest = typeof ms === 'number' ? ms % DAY : Number(ms % BigInt(DAY))
  return new CedarDuration(rest < 0 ? rest + DAY : rest + 0)
}

/** Midnight before; undefined: beyond 64 bits. */
export const toDate = (at: CedarDatetime): CedarDatetime | undefined => {
  const ms = later(at.ms, -BigInt(toTime(at).ms))
  return ms === undefined ? undefined : new CedarDatetime(ms)
}

/** Whole units, towards zero. */
export const wholeUnits = ({ ms }: CedarDuration, unit: number): Long =>
  typeof ms === 'number' ? Math.trunc(ms / unit) + 0 : (toLong(ms / BigInt(unit)) ?? 0)

export const DURATION_UNITS: Readonly<Record<string, number>> = {
  toMilliseconds: 1,
  toSeconds: 1000,
  toMinutes: 60_000,
  toHours: 3_600_000,
  toDays: DAY,
}
