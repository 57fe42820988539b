import type { Command } from '../command.ts'
import { table } from '../table.ts'
import { policiesOf } from './server-list.ts'

interface Inventory {
  readonly agents: readonly {
    readonly id: string
    readonly name: string
    readonly owner: string
    readonly status: string
    readonly role: string
  }[]
  readonly servers: readonly {
    readonly name: string
    readonly kind: string
    readonly resource: string
    readonly observe: boolean
  }[]
  readonly bearerExceptions: readonly { readonly client: string; readonly resource: string }[]
  readonly grants: number
}

export const inventory: Command = {
  name: 'inventory',
  summary: 'Agents, servers, active grants and every exception that weakens them',
  takes: [0, 0],
  run: async (context) => {
    const found = await context.api().get<Inventory>('/v1/inventory')
    context.print(found, () =>
      [
        table(
          ['agent', 'name', 'owner', 'role', 'status'],
          found.agents.map(({ id, name, owner, role, status }) => [id, name, owner, role, status]),
        ),
        table(
          ['server', 'kind', 'resource', 'policies'],
          found.servers.map(({ name, kind, resource, observe }) => [name, kind, resource, policiesOf(observe)]),
          'No servers.',
        ),
        `${found.grants} active grants.`,
        found.bearerExceptions.length === 0
          ? 'Every token is bound to a key.'
          : table(
              ['client without a key', 'resource'],
              found.bearerExceptions.map(({ client, resource }) => [client, resource]),
            ),
      ].join('\n\n'),
    )
  },
}
