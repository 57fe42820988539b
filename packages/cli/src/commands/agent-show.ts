import type { Command } from '../command.ts'
import { agentId } from '../named-agent.ts'
import { facts, when } from '../table.ts'
import type { ShownAgent } from './agent-list.ts'

export const agentShow: Command = {
  name: 'agent show',
  operands: 'AGENT',
  summary: 'One agent with its keys',
  takes: [1, 1],
  run: async (context) => {
    const id = await agentId(context.api(), context.operands[0] ?? '')
    const agent = await context.api().get<ShownAgent>(`/v1/agents/${encodeURIComponent(id)}`)
    context.print(agent, () =>
      facts([
        ['agent', agent.id],
        ['name', agent.name],
        ['identity', agent.spiffeId],
        ['owner', agent.ownerName],
        ['role', agent.role],
        ['groups', agent.groups?.join(', ')],
        ['status', agent.status],
        ['since', when(agent.created)],
        ['keys', agent.keys.map(({ kid }) => kid).join(', ')],
      ]),
    )
  },
}
