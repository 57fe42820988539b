/**
 * Which process serves whom. INVARIANT: a stdio server that is not marked shared never serves two subjects from one
 * process: what one subject puts into its memory is out of the reach of the next.
 */
import type { Clock } from '@credence/kit'
import { unavailable } from '@credence/kit'
import type { Party } from '@credence/model'
import type { Upstream } from './upstream.ts'

const IDLE_MS = 5 * 60_000
const MAX_PROCESSES = 64

interface Member {
  readonly upstream: Upstream
  inUse: number
  lastUsed: number
}

export interface UpstreamPool {
  /** The upstream for this subject; `release` must be called when the call has ended. */
  acquire(subject: Party): { readonly upstream: Upstream; readonly release: () => void }
  close(): Promise<void>
}

interface PoolOptions {
  readonly shared: boolean
  readonly clock: Clock
  readonly make: () => Upstream
  readonly maxProcesses?: number
}

export const createUpstreamPool = ({
  shared,
  clock,
  make,
  maxProcesses = MAX_PROCESSES,
}: PoolOptions): UpstreamPool => {
  const members = new Map<string, Member>()
  let closed = false
  const keyOf = (subject: Party): string => (shared ? 'shared' : `${subject.iss.length}:${subject.iss}${subject.sub}`)

  const evict = (idleFor: number): void => {
    for (const [key, member] of members) {
      if (member.inUse > 0 || clock.monotonic() - member.lastUsed < idleFor) continue
      members.delete(key)
      void member.upstream.close()
    }
  }
  const sweeper = setInterval(() => evict(IDLE_MS), IDLE_MS / 5)
  sweeper.unref()

  return {
    acquire: (subject) => {
      if (closed) throw unavailable('upstream_closed', 'This server was removed or changed; try again.')
      const key = keyOf(subject)
      let member = members.get(key)
      if (member === undefined) {
        if (members.size >= maxProcesses) evict(0)
        if (members.size >= maxProcesses)
          throw unavailable('upstream_full', 'Too many subjects use this server at the moment; try again later.')
        member = { upstream: make(), inUse: 0, lastUsed: clock.monotonic() }
        members.set(key, member)
      }
      const taken = member
      taken.inUse += 1
      let released = false
      return {
        upstream: taken.upstream,
        release: () => {
          if (released) return
          released = true
          taken.inUse -= 1
          taken.lastUsed = clock.monotonic()
        },
      }
    },
    close: async () => {
      closed = true
      clearInterval(sweeper)
      await Promise.all([...members.values()].map(({ upstream }) => upstream.close()))
      members.clear()
    },
  }
}
