/** People say names, the interface takes identifiers. */
import { isId, refused } from '@credence/kit'
import type { Api } from './api.ts'

interface Named {
  readonly id: string
  readonly name: string
  readonly status: string
}

/** INVARIANT: a name that two agents have is never guessed at. */
export const agentId = async (api: Api, text: string): Promise<string> => {
  if (isId('agt', text)) return text
  const { agents } = await api.get<{ agents: readonly Named[] }>('/v1/agents')
  const found = agents.filter(({ name, status }) => name === text && status !== 'retired')
  if (found.length === 1) return (found[0] as Named).id
  throw refused(
    'agent_unknown',
    found.length === 0
      ? `There is no agent named ${text}. credence agent list shows them.`
      : `${found.length} agents are named ${text}; use an identifier: ${found.map(({ id }) => id).join(', ')}`,
  )
}
