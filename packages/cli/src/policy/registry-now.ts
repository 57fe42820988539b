/** The registry as the running authority has it, in the form that the decider looks things up in. */
import type { ToolLabels } from '@credence/model'
import type { AgentView, RegistryView } from '@credence/policy'
import type { Api } from '../api.ts'

interface ShownAgent {
  readonly id: string
  readonly name: string
  readonly role: AgentView['role']
  readonly status: AgentView['status']
  readonly owner?: string
  readonly groups?: readonly string[]
}

interface ShownServer {
  readonly name: string
  readonly resource: string
  readonly labels: Readonly<Record<string, ToolLabels>>
}

interface ShownPerson {
  readonly id: string
  readonly name: string
  readonly role: 'owner' | 'member'
  readonly status: string
}

export interface RegistryNow {
  readonly agents: readonly ShownAgent[]
  readonly servers: readonly ShownServer[]
  readonly people: readonly ShownPerson[]
  readonly view: RegistryView
}

const labelsOf = (server: ShownServer | undefined, tool: string): ToolLabels =>
  server !== undefined && Object.hasOwn(server.labels, tool) ? (server.labels[tool] ?? {}) : {}

export const registryNow = async (api: Api): Promise<RegistryNow> => {
  const [{ agents }, { servers }, { people }] = await Promise.all([
    api.get<{ agents: readonly ShownAgent[] }>('/v1/agents'),
    api.get<{ servers: readonly ShownServer[] }>('/v1/servers'),
    api.get<{ people: readonly ShownPerson[] }>('/v1/people'),
  ])
  const byId = new Map(agents.map((agent) => [agent.id, agent]))
  const byResource = new Map(servers.map((server) => [server.resource, server]))
  const active = new Map(people.filter(({ status }) => status === 'active').map((person) => [person.id, person]))
  const view: RegistryView = {
    agent: (id) => byId.get(id),
    server: (resource) => byResource.get(resource),
    tool: (resource, name) => {
      const server = byResource.get(resource)
      return server === undefined ? undefined : { name, ...labelsOf(server, name) }
    },
    person: ({ iss, sub }) => {
      const known = iss === api.issuer ? active.get(sub) : undefined
      return known === undefined ? undefined : { role: known.role, owners: [] }
    },
  }
  return { agents, servers, people, view }
}
