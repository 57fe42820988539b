/** The registry as the decider sees it: rows in memory, never claims of a caller. */
import type { RegistryView } from '@credence/policy'
import type { People } from '../people/index.ts'
import type { Directory } from './directory.ts'
import type { Registry } from './registry.ts'

export interface LiveView extends RegistryView {
  /** People and tools change rarely and elsewhere; read again when the feed tells, and now and then. */
  reload(): Promise<void>
}

export const createView = (deps: {
  readonly issuer: string
  readonly directory: Directory
  readonly registry: () => Registry
  readonly people: People
}): LiveView => {
  let people = new Map<string, 'owner' | 'member'>()
  return {
    reload: async () => {
      const active = (await deps.people.list()).filter(({ status }) => status === 'active')
      people = new Map(active.map(({ id, role }) => [id, role]))
    },
    agent: (id) => deps.directory.agent(id),
    server: (resource) => deps.registry().servers.find((server) => server.resource === resource),
    tool: (resource, name) => {
      const server = deps.registry().servers.find((one) => one.resource === resource)
      if (server === undefined) return undefined
      return { name, ...(Object.hasOwn(server.labels, name) ? server.labels[name] : {}) }
    },
    person: ({ iss, sub }) => {
      const role = iss === deps.issuer ? people.get(sub) : undefined
      return role === undefined ? undefined : { role, owners: [] }
    },
  }
}
