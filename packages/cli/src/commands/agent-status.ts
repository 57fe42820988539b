import type { Command } from '../command.ts'
import { agentId, agentToStop } from '../named-agent.ts'
import type { ShownAgent } from './agent-list.ts'

type Verb = 'suspend' | 'resume' | 'retire'

/** Only `resume` gives something back. */
const reduces = (verb: Verb): boolean => verb !== 'resume'

const statusCommand = (verb: Verb, summary: string): Command => ({
  name: `agent ${verb}`,
  operands: 'AGENT',
  summary,
  takes: [1, 1],
  run: async (context) => {
    const [named = ''] = context.operands
    const id = reduces(verb) ? await agentToStop(context, named) : await agentId(context.api(), named)
    const api = context.api(reduces(verb) ? 'revoke' : 'admin')
    const agent = await api.send<ShownAgent>('POST', `/v1/agents/${encodeURIComponent(id)}/${verb}`)
    context.print(agent, () => `${agent.name} (${agent.id}) is ${agent.status} now.`)
  },
})

export const agentSuspend = statusCommand('suspend', 'Stop an agent at once; what it holds is void for good')
export const agentResume = statusCommand('resume', 'Let a suspended agent act again, with new tokens')
export const agentRetire = statusCommand('retire', 'End an agent for ever; its identity is never reused')
