/** Resources as the front and the token endpoint see them: servers of the registry, and the domain's own interface. */
import { adminResource } from '../config.ts'
import type { Core } from '../core.ts'
import type { Resources, ResourceTool, ResourceView } from '../ports.ts'
import type { Registry, Server } from './registry.ts'
import { listTools } from './tools.ts'

/** What a client may name at an MCP server; what it may call there is in the grant and the policies. */
export const SERVER_SCOPES: readonly string[] = ['mcp:tools']

const labelled = (tool: ResourceTool, { labels }: Server): ResourceTool => {
  const own = Object.hasOwn(labels, tool.name) ? labels[tool.name] : undefined
  return own === undefined ? tool : { ...tool, labels: own }
}

export const createResources = (core: Pick<Core, 'db' | 'domain'>, registry: () => Registry): Resources => {
  const own: ResourceView = {
    resource: adminResource(core.domain.issuer),
    name: 'authority',
    kind: 'authority',
    tools: [],
    scopes: ['admin', 'decide', 'node'],
  }
  const view = async (server: Server): Promise<ResourceView> => ({
    resource: server.resource,
    name: server.name,
    kind: server.kind,
    tools: (await listTools(core, server.name)).map((tool) => labelled(tool, server)),
    scopes: SERVER_SCOPES,
  })
  return {
    find: async (resource) => {
      if (resource === own.resource) return own
      const server = registry().servers.find((one) => one.resource === resource)
      return server === undefined ? undefined : view(server)
    },
    list: async () => [own, ...(await Promise.all(registry().servers.map(view)))],
  }
}
