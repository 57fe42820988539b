/** How often one address may ask what answers without a token: a bucket of tokens for each, in bounded memory. */
import { isIPv6 } from 'node:net'
import { type Clock, refused } from '@credence/kit'

export interface RateOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly perSecond: number
  /** How many at once after a pause. Default ten seconds' worth. */
  readonly burst?: number
  /** Addresses that are remembered; who was longest away is forgotten first. Default 10,000. */
  readonly remembered?: number
}

interface Bucket {
  left: number
  at: number
}

/** Whoever has one IPv6 address has 2^64 of them: the network counts as one. */
export const sourceOf = (address: string): string => {
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${all
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':')}::/64`
}

/** Takes one token of an address, or throws `rate_exceeded` with status 429 and `Retry-After`. */
export const createAddressRate = ({ clock, perSecond, burst = 10 * perSecond, remembered = 10_000 }: RateOptions) => {
  const buckets = new Map<string, Bucket>()
  const bucketOf = (source: string, now: number): Bucket => {
    const known = buckets.get(source)
    // Whoever asked last stands last.
    if (known !== undefined) buckets.delete(source)
    const bucket = known ?? { left: burst, at: now }
    buckets.set(source, bucket)
    if (buckets.size > remembered) buckets.delete(buckets.keys().next().value ?? '')
    return bucket
  }
  return (address: string): void => {
    const now = clock.monotonic()
    const bucket = bucketOf(sourceOf(address), now)
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) * perSecond) / 1000)
    bucket.at = now
    if (bucket.left >= 1) {
      bucket.left -= 1
      return
    }
    const wait = Math.max(1, Math.ceil((1 - bucket.left) / perSecond))
    throw refused('rate_exceeded', 'Too many requests from this address; try again later.', {
      status: 429,
      headers: { 'Retry-After': String(wait) },
    })
  }
}
