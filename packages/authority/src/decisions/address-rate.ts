/** How much one address may ask of what answers without a token: a bucket of tokens for each, in bounded memory. */
import { isIPv6 } from 'node:net'
import { type Clock, refused } from '@credence/kit'

export interface RateOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly perSecond: number
  /** How many at once after a pause. Default ten seconds' worth. */
  readonly burst?: number
  /** Addresses that are remembered; who was longest away is forgotten first. Default 10,000. */
  readonly remembered?: number
  /** What all addresses together may ask, in shares of one. Default 32. */
  readonly total?: number
}

/** What all of a /48 together may ask, in shares of one address: whoever has a network of that size has 65,536 of /64. */
const NETWORK = 8
const TOTAL = 32
/** Questions, and candidates of a search, that are worth as much as one request. */
const QUESTIONS = 16

const groupsOf = (address: string): readonly string[] => {
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const all = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return all.map((part) => Number.parseInt(part, 16).toString(16))
}

/** Whoever has one IPv6 address has 2^64 of them: the network counts as one. */
export const sourceOf = (address: string): string =>
  isIPv6(address) ? `${groupsOf(address).slice(0, 4).join(':')}::/64` : address

/** What a site is given; undefined for an address of IPv4. */
export const networkOf = (address: string): string | undefined =>
  isIPv6(address) ? `${groupsOf(address).slice(0, 3).join(':')}::/48` : undefined

class Bucket {
  #left: number
  #at: number
  readonly #burst: number
  readonly #perSecond: number

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
    this.#at = now
  }

  /** Seconds until there are `wanted`; 0: now. */
  waitFor(wanted: number, now: number): number {
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) * this.#perSecond) / 1000)
    this.#at = now
    return this.#left >= wanted ? 0 : Math.max(1, Math.ceil((wanted - this.#left) / this.#perSecond))
  }

  take(cost: number): void {
    this.#left -= cost
  }
}

/** Buckets of one kind, by name; whoever asked last is forgotten last. */
const remembering = (make: (now: number) => Bucket, most: number) => {
  const buckets = new Map<string, Bucket>()
  return (name: string, now: number): Bucket => {
    const bucket = buckets.get(name) ?? make(now)
    buckets.delete(name)
    buckets.set(name, bucket)
    if (buckets.size > most) buckets.delete(buckets.keys().next().value ?? '')
    return bucket
  }
}

const refuse = (wait: number) =>
  refused('rate_exceeded', 'Too many requests from this address; try again later.', {
    status: 429,
    headers: { 'Retry-After': String(wait) },
  })

export interface AddressRate {
  /** Takes one token of an address, or throws `rate_exceeded` with status 429 and `Retry-After`. */
  admit(address: string): void
  /**
   * What the request turned out to ask for. An address that owes nothing may ask for more than it has left, once: it
   * then waits until it owes nothing any more. Throws like `admit`.
   */
  spend(address: string, questions: number): void
}

/**
 * INVARIANT: a network, or all together, that used up its bucket leaves no trace in the buckets of addresses: nobody makes us
 * forget an address by coming from many others.
 */
export const createAddressRate = (options: RateOptions): AddressRate => {
  const { clock, perSecond, burst = 10 * perSecond, remembered = 10_000, total = TOTAL } = options
  const times = (share: number) => (now: number) => new Bucket(share * burst, share * perSecond, now)
  const sources = remembering(times(1), remembered)
  const networks = remembering(times(NETWORK), remembered)
  const all = times(total)(clock.monotonic())
  const take = (address: string, wanted: number, cost: number): void => {
    const now = clock.monotonic()
    const bucketOf = [() => all, () => networkBucket(address, now), () => sources(sourceOf(address), now)]
    const buckets: Bucket[] = []
    for (const find of bucketOf) {
      const bucket = find()
      const wait = bucket?.waitFor(wanted, now) ?? 0
      if (wait > 0) throw refuse(wait)
      if (bucket !== undefined) buckets.push(bucket)
    }
    for (const bucket of buckets) bucket.take(cost)
  }
  const networkBucket = (address: string, now: number): Bucket | undefined => {
    const network = networkOf(address)
    return network === undefined ? undefined : networks(network, now)
  }
  return {
    admit: (address) => take(address, 1, 1),
    spend: (address, questions) => take(address, 0, questions / QUESTIONS),
  }
}
