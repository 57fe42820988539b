/** Clients of the authorization server: registered agents, client-id metadata documents, and (switched on) dynamic ones. */
import { isId } from '@credence/kit'
import { isClientIdUrl } from '@credence/protocol/cimd'
import type { Core } from '../core.ts'
import type { Clients, ClientView } from '../ports.ts'
import type { Cimd } from './cimd.ts'
import type { Directory, KnownAgent } from './directory.ts'
import type { DynamicClients } from './dynamic-clients.ts'
import type { Registry } from './registry.ts'

export interface ClientsDeps {
  readonly core: Pick<Core, 'domain'>
  readonly directory: Directory
  readonly registry: () => Registry
  /** Undefined: switched off. */
  readonly cimd: Cimd | undefined
  readonly dynamic: DynamicClients | undefined
}

const ofAgent = (agent: KnownAgent, deps: ClientsDeps): ClientView => ({
  clientId: agent.id,
  kind: 'agent',
  name: agent.name,
  domain: deps.core.domain.id,
  redirectUris: agent.redirectUris,
  grantTypes: agent.grantTypes,
  authMethod: 'private_key_jwt',
  keys: agent.keys,
  agent: agent.id,
  owner: { id: agent.owner, name: agent.ownerName },
  spiffeId: agent.spiffeId,
  status: agent.status,
  bearerResources: bearerOf(agent.id, deps),
})

const bearerOf = (clientId: string, deps: Pick<ClientsDeps, 'registry'>): readonly string[] =>
  deps
    .registry()
    .bearer.filter(({ client }) => client === clientId)
    .map(({ resource }) => resource)

export const createClients = (deps: ClientsDeps): Clients => ({
  find: async (clientId) => {
    if (isId('agt', clientId)) {
      const agent = deps.directory.agent(clientId) ?? (await deps.directory.refresh(clientId))
      return agent === undefined ? undefined : ofAgent(agent, deps)
    }
    const outside = isId('dyn', clientId)
      ? await deps.dynamic?.find(clientId)
      : isClientIdUrl(clientId)
        ? await deps.cimd?.find(clientId)
        : undefined
    return outside === undefined ? undefined : { ...outside, bearerResources: bearerOf(clientId, deps) }
  },
})
