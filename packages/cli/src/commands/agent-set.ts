import type { Command } from '../command.ts'
import { usage } from '../errors.ts'
import { agentId } from '../named-agent.ts'
import type { ShownAgent } from './agent-list.ts'

export const agentSet: Command = {
  name: 'agent set',
  operands: 'AGENT',
  summary: 'Say in which groups an agent is',
  help: 'What is said replaces what was said before. Policies ask `principal in Group::"NAME"`.',
  takes: [1, 1],
  flags: {
    group: { type: 'string', multiple: true, value: 'NAME', about: 'a group; may be repeated' },
    'no-groups': { type: 'boolean', about: 'in none' },
  },
  run: async (context) => {
    const groups = context.texts('group')
    if (groups.length > 0 === context.on('no-groups')) throw usage('Say either --group NAME or --no-groups.')
    const id = await agentId(context.api(), context.operands[0] ?? '')
    const agent = await context.api().send<ShownAgent>('PUT', `/v1/agents/${encodeURIComponent(id)}/groups`, { groups })
    const said = agent.groups?.join(', ') ?? ''
    context.print(agent, () => `${agent.name} (${agent.id}) is in ${said === '' ? 'no group' : said} now.`)
  },
}
