/** People say names, the interface takes identifiers. */
import { isCredenceError, isId, refused, unavailable } from '@credence/kit'
import type { Api } from './api.ts'
import type { Context } from './command.ts'
import { identityNamed } from './identities.ts'

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

/**
 * For acts that only take authority away. While no token for reading is given, since the disk is full, a name is looked
 * up among the agents that were made on this host.
 */
export const agentToStop = async (context: Context, text: string): Promise<string> => {
  if (isId('agt', text)) return text
  try {
    return await agentId(context.api(), text)
  } catch (error) {
    if (!isCredenceError(error) || error.kind !== 'unavailable' || error.code === 'authority_unreachable') throw error
    const known = identityNamed(context.settings.dataDir, text)
    if (known === undefined)
      throw unavailable('name_unknown_now', `Names cannot be looked up at the moment. Say agt_... instead of ${text}.`)
    context.tell(`Names cannot be looked up at the moment. On this host ${text} is ${known.clientId}.`)
    return known.clientId
  }
}
