/**
 * The agents of the domain in memory, with their keys imported: asking costs one read of a map.
 *
 * INVARIANT: what is remembered is never trusted alone. The minting batch compares `version` and `status` with the row.
 */
import type { KeyObject } from 'node:crypto'
import { importJwk } from '@credence/protocol/jose'
import type { Core } from '../core.ts'
import { type Agent, findAgent, listAgents } from './agents.ts'

export interface KnownAgent extends Agent {
  readonly imported: ReadonlyMap<string, KeyObject>
}

export interface Directory {
  agent(id: string): KnownAgent | undefined
  /** Reads one agent again: after a change here, or when the feed tells of one elsewhere. */
  refresh(id: string): Promise<KnownAgent | undefined>
  load(): Promise<void>
  all(): IterableIterator<KnownAgent>
}

const withKeys = (agent: Agent): KnownAgent => ({
  ...agent,
  imported: new Map(agent.keys.map((key) => [String(key.kid), importJwk(key)])),
})

export const createDirectory = (core: Pick<Core, 'db' | 'domain'>): Directory => {
  const agents = new Map<string, KnownAgent>()
  return {
    agent: (id) => agents.get(id),
    all: () => agents.values(),
    load: async () => {
      for (const agent of await listAgents(core)) agents.set(agent.id, withKeys(agent))
    },
    refresh: async (id) => {
      const found = await findAgent(core, id)
      if (found === undefined) return undefined
      const known = withKeys(found)
      agents.set(id, known)
      return known
    },
  }
}
