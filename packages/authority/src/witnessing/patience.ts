/** When a witness is asked again: at once when it answers, ever less often when it does not, and now and then in any case. */
import type { WitnessPeer } from '@credence/ledger/witness'

/** Turns that are left out after one in which a witness did not cosign, doubling until this. */
const MOST_LEFT_OUT = 15
/** In every so many turns everybody is asked, also about a ledger that has not grown: one of them may know more of it. */
const IN_ANY_CASE = 30

export interface Patience {
  /** Who is asked in this turn. `has`: witnesses that cosigned what there is to cosign. */
  due(peers: readonly WitnessPeer[], has: ReadonlySet<string>): readonly WitnessPeer[]
  heard(asked: readonly WitnessPeer[], cosigned: ReadonlySet<string>): void
}

export const createPatience = (): Patience => {
  const failures = new Map<string, number>()
  const leftOut = new Map<string, number>()
  let turn = 0

  const isDue = ({ name }: WitnessPeer): boolean => {
    const out = (leftOut.get(name) ?? 0) + 1
    const due = out > Math.min(2 ** (failures.get(name) ?? 0) - 1, MOST_LEFT_OUT)
    leftOut.set(name, due ? 0 : out)
    return due
  }

  return {
    due: (peers, has) => {
      turn += 1
      const inAnyCase = turn % IN_ANY_CASE === 0
      return peers.filter((peer) => (inAnyCase || !has.has(peer.name)) && isDue(peer))
    },
    heard: (asked, cosigned) => {
      for (const { name } of asked) failures.set(name, cosigned.has(name) ? 0 : (failures.get(name) ?? 0) + 1)
    },
  }
}
