import type { Command } from '../command.ts'
import { table, when } from '../table.ts'

export interface ShownAgent {
  readonly id: string
  readonly name: string
  readonly ownerName: string
  readonly spiffeId: string
  readonly status: string
  readonly role: string
  readonly groups?: readonly string[]
  readonly created: number
  readonly keys: readonly { readonly kid: string }[]
}

export const agentList: Command = {
  name: 'agent list',
  summary: 'Agents, their owners and whether they may act',
  takes: [0, 0],
  run: async (context) => {
    const answer = await context.api().get<{ agents: readonly ShownAgent[] }>('/v1/agents')
    context.print(answer, () =>
      table(
        ['agent', 'name', 'owner', 'role', 'groups', 'status', 'since'],
        answer.agents.map(({ id, name, ownerName, role, groups = [], status, created }) => [
          id,
          name,
          ownerName,
          role,
          groups.join(', '),
          status,
          when(created),
        ]),
      ),
    )
  },
}
