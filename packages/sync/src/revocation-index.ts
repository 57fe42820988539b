/**
 * Which live tokens are revoked: key -> highest revoking number, and key -> handles of live tokens, so that an entry
 * of the feed sets the flag on exactly the tokens it concerns and asking costs one property read.
 */
import { type Clock, unavailable } from '@credence/kit'
import { revocationKey } from '@credence/model'
import { createExpiryQueue } from './expiry-queue.ts'
import type { FeedEntry } from './types.ts'

/** The same shape as the guard's port of that name. INVARIANT: once `revoked`, never again not. */
export interface RevocationHandle {
  readonly revoked: boolean
  readonly revokedBy: string | undefined
}

export interface RevocationIndexOptions {
  readonly clock: Clock
  /** No token lives longer. Default 300 s. */
  readonly maxTokenLifeMs?: number
  /** Between clocks of nodes, and between the head of the feed and the number a minter had seen. Default 60 s. */
  readonly skewMs?: number
  /** Revoked keys kept; beyond, the oldest are forgotten early and every token as old as them is refused. Default 1e6. */
  readonly maxRevoked?: number
  /** Live tokens followed; beyond, `register` throws `unavailable`. Default 1e6. */
  readonly maxTokens?: number
}

export interface RevocationIndex {
  /**
   * Follows a token until it expires (epoch milliseconds). `number` is the feed's number at minting: an entry above it
   * that names one of the keys, known already or yet to come, revokes the token for good.
   */
  register(keys: readonly string[], number: number, expiresAt: number): RevocationHandle
  /** Takes in one entry; a second time changes nothing. */
  apply(entry: FeedEntry): void
  /** Forgets what can concern nobody any more. Bounded work; called by whoever polls. */
  sweep(): void
  readonly revokedKeys: number
  readonly liveTokens: number
}

interface Followed {
  revoked: boolean
  revokedBy: string | undefined
  readonly number: number
  readonly slots: readonly Slot[]
}

interface Slot {
  readonly key: string
  /** Highest number of an entry that revoked this key; 0 when none is remembered. */
  number: number
  /** Refused whatever the number: a suspended agent. */
  suspended: boolean
  followers: Set<Followed>
}

/** The keys that an entry revokes: the only reading of the kinds of change in this sense. */
export const revokedKeysOf = (entry: FeedEntry): readonly string[] => {
  if (entry.kind === 'revoked') return entry.keys
  if (entry.kind === 'agent') return entry.status === 'active' ? [] : [revocationKey.agent(entry.agent)]
  if (entry.kind === 'epoch') return [revocationKey.domain(entry.domain)]
  return []
}

const TOO_OLD = 'token:too_old'
const EXPIRED = 'token:expired'

const flag = (token: Followed, by: string): void => {
  if (token.revoked) return
  token.revoked = true
  token.revokedBy = by
}

/** Keys by name; one that says nothing and that nobody follows is dropped. */
const createSlots = () => {
  const slots = new Map<string, Slot>()
  return {
    get: (key: string): Slot | undefined => slots.get(key),
    of: (key: string): Slot => {
      const known = slots.get(key)
      if (known !== undefined) return known
      const slot: Slot = { key, number: 0, suspended: false, followers: new Set() }
      slots.set(key, slot)
      return slot
    },
    dropIfEmpty: (slot: Slot): void => {
      if (slot.number === 0 && !slot.suspended && slot.followers.size === 0) slots.delete(slot.key)
    },
  }
}

/** Which keys were revoked, and when this node heard of it. */
class RevokedKeys {
  /** Entries in the order they came, each with the monotonic time of its coming. */
  readonly #remembered: { readonly slot: Slot; readonly number: number; readonly at: number }[] = []
  readonly #dropIfEmpty: (slot: Slot) => void
  #oldest = 0
  size = 0
  /**
   * INVARIANT: every entry with a number up to the horizon may have been forgotten, and a token whose number is below
   * the horizon is refused without asking. Forgetting, for whatever reason, therefore never permits anything.
   */
  horizon = 0

  constructor(dropIfEmpty: (slot: Slot) => void) {
    this.#dropIfEmpty = dropIfEmpty
  }

  revoke(slot: Slot, number: number, at: number): void {
    if (slot.number >= number) return
    if (slot.number === 0) this.size += 1
    slot.number = number
    this.#remembered.push({ slot, number, at })
    for (const token of slot.followers) if (token.number < number) flag(token, slot.key)
  }

  passHorizon(number: number): void {
    this.horizon = Math.max(this.horizon, number)
  }

  forgetUntil(before: number, max: number): void {
    const remembered = this.#remembered
    for (let entry = remembered[this.#oldest]; entry !== undefined && entry.at < before; ) {
      this.#forgetOldest()
      entry = remembered[this.#oldest]
    }
    while (remembered.length - this.#oldest > max) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const entry = this.#remembered[this.#oldest]
    if (entry === undefined) return
    this.#oldest += 1
    this.passHorizon(entry.number)
    if (entry.slot.number === entry.number) {
      entry.slot.number = 0
      this.size -= 1
      this.#dropIfEmpty(entry.slot)
    }
    if (this.#oldest >= 4_096 && this.#oldest * 2 >= this.#remembered.length) {
      this.#remembered.splice(0, this.#oldest)
      this.#oldest = 0
    }
  }
}

type Slots = ReturnType<typeof createSlots>

const setSuspended = (slots: Slots, entry: FeedEntry): void => {
  if (entry.kind !== 'agent') return
  const slot = slots.of(revocationKey.agent(entry.agent))
  slot.suspended = entry.status === 'suspended'
  if (slot.suspended) for (const token of slot.followers) flag(token, slot.key)
  slots.dropIfEmpty(slot)
}

const unfollow = (slots: Slots, token: Followed): void => {
  flag(token, EXPIRED)
  for (const slot of token.slots) {
    slot.followers.delete(token)
    slots.dropIfEmpty(slot)
  }
}

export const createRevocationIndex = (options: RevocationIndexOptions): RevocationIndex => {
  const { clock, skewMs = 60_000, maxRevoked = 1_000_000, maxTokens = 1_000_000 } = options
  const keepMs = (options.maxTokenLifeMs ?? 300_000) + skewMs
  const slots = createSlots()
  const live = createExpiryQueue<Followed>(1_000)
  const revoked = new RevokedKeys(slots.dropIfEmpty)

  const sweep = (): void => {
    live.takeUntil(clock.now() - skewMs, (token) => unfollow(slots, token))
    revoked.forgetUntil(clock.monotonic() - keepMs, maxRevoked)
  }

  /** NOTE: an entry so old that no token from before it can live is replayed at every start; the horizon says it all. */
  const applyOld = (keys: readonly string[], number: number): void => {
    if (keys.length > 0) revoked.passHorizon(number)
    for (const key of keys)
      for (const token of slots.get(key)?.followers ?? []) if (token.number < number) flag(token, key)
  }

  return {
    sweep,
    get revokedKeys() {
      return revoked.size
    },
    get liveTokens() {
      return live.size
    },
    apply: (entry) => {
      setSuspended(slots, entry)
      const keys = revokedKeysOf(entry)
      if (entry.at < clock.now() - keepMs) return applyOld(keys, entry.number)
      for (const key of keys) revoked.revoke(slots.of(key), entry.number, clock.monotonic())
      revoked.forgetUntil(Number.NEGATIVE_INFINITY, maxRevoked)
    },
    register: (keys, number, expiresAt) => {
      if (live.size >= maxTokens) {
        sweep()
        if (live.size >= maxTokens) throw unavailable('revocation_index_full', 'Too many live tokens at this node.')
      }
      const own = [...new Set(keys)].map(slots.of)
      const token: Followed = { revoked: false, revokedBy: undefined, number, slots: own }
      if (number < revoked.horizon) flag(token, TOO_OLD)
      for (const slot of own) {
        slot.followers.add(token)
        if (slot.suspended || slot.number > number) flag(token, slot.key)
      }
      live.add(expiresAt, token)
      return token
    },
  }
}
