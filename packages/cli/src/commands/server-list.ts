import type { Command } from '../command.ts'
import { table } from '../table.ts'

export interface ShownServer {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly url?: string
  readonly resource: string
  readonly labels: Readonly<Record<string, { readonly effect?: string; readonly publicData?: boolean }>>
  readonly tools?: readonly { readonly name: string; readonly title?: string; readonly description?: string }[]
}

export const serverList: Command = {
  name: 'server list',
  summary: 'Servers behind the gateway',
  takes: [0, 0],
  run: async (context) => {
    const answer = await context.api().get<{ servers: readonly ShownServer[] }>('/v1/servers')
    context.print(answer, () =>
      table(
        ['server', 'kind', 'resource', 'upstream'],
        answer.servers.map(({ name, kind, resource, url }) => [name, kind, resource, url ?? 'host configuration']),
      ),
    )
  },
}
