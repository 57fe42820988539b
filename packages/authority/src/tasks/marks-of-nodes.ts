/** Marks that nodes ask for: which tasks they may name, and how many. */
import { type Clock, isId, refused } from '@credence/kit'
import type { Directory } from '../registry/directory.ts'

const PER_MINUTE = 60
const BURST = 120
const EACH_MS = 60_000 / PER_MINUTE

/**
 * A node may mark `BURST` tasks at once and `PER_MINUTE` after that. What is more is refused with 429, and a gateway that is
 * refused reads nothing of strangers.
 *
 * INVARIANT: what a node marks in the time of a mark fits into the memory of every node many times over.
 */
export const createMarkRate = (clock: Pick<Clock, 'monotonic'>): ((node: string) => void) => {
  /** Of each node, when its bucket will be full again. Nodes are agents of the registry, so that these are few. */
  const full = new Map<string, number>()
  return (node) => {
    const now = clock.monotonic()
    const at = Math.max(full.get(node) ?? now, now) + EACH_MS
    const over = at - now - BURST * EACH_MS
    if (over > 0)
      throw refused('rate_exceeded', 'This node marks too many tasks; try again later.', {
        status: 429,
        headers: { 'Retry-After': String(Math.ceil(over / 1000)) },
      })
    full.set(node, at)
  }
}

/**
 * INVARIANT: only what can have read is marked: a grant, which is looked up when it is marked, or an agent of the domain that acts
 * for itself. Operators and nodes call no tools, and who is not registered has no token of its own.
 */
export const mustBeTask = (task: string, directory: Pick<Directory, 'agent'>): void => {
  if (isId('grt', task) || directory.agent(task)?.role === 'agent') return
  throw refused('task_unknown', 'There is no such task: name a grant, or an agent that acts for itself.', {
    status: 404,
  })
}
