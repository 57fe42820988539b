import type { ToolLabels } from '@credence/model'
import type { Command } from '../command.ts'
import { table } from '../table.ts'

export interface ShownServer {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly url?: string
  readonly resource: string
  readonly labels: Readonly<Record<string, ToolLabels>>
  /** Its policies are not enforced. */
  readonly observe?: boolean
  readonly mappings?: Readonly<Record<string, unknown>>
  /** Hashes of the definitions for which the mappings were set. */
  readonly mappedDefinitions?: Readonly<Record<string, string>>
  readonly tools?: readonly {
    readonly name: string
    readonly hash: string
    readonly title?: string
    readonly description?: string
  }[]
}

export const policiesOf = (observe: boolean | undefined): string =>
  observe === true ? 'OBSERVED, not enforced' : 'enforced'

export const serverList: Command = {
  name: 'server list',
  summary: 'Servers behind the gateway',
  takes: [0, 0],
  run: async (context) => {
    const answer = await context.api().get<{ servers: readonly ShownServer[] }>('/v1/servers')
    context.print(answer, () =>
      table(
        ['server', 'kind', 'resource', 'upstream', 'policies'],
        answer.servers.map(({ name, kind, resource, url, observe }) => [
          name,
          kind,
          resource,
          url ?? 'host configuration',
          policiesOf(observe),
        ]),
      ),
    )
  },
}
