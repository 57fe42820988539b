import type { Command } from '../command.ts'
import { agentId } from '../named-agent.ts'
import type { ShownAgent } from './agent-list.ts'

const statusCommand = (verb: 'suspend' | 'resume' | 'retire', summary: string): Command => ({
  name: `agent ${verb}`,
  operands: 'AGENT',
  summary,
  takes: [1, 1],
  run: async (context) => {
    const id = await agentId(context.api(), context.operands[0] ?? '')
    const agent = await context.api().send<ShownAgent>('POST', `/v1/agents/${encodeURIComponent(id)}/${verb}`)
    context.print(agent, () => `${agent.name} (${agent.id}) is ${agent.status} now.`)
  },
})

export const agentSuspend = statusCommand('suspend', 'Stop an agent at once; what it holds is void for good')
export const agentResume = statusCommand('resume', 'Let a suspended agent act again, with new tokens')
export const agentRetire = statusCommand('retire', 'End an agent for ever; its identity is never reused')
