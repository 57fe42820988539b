import type { Core } from '../core.ts'
import { listAgents } from '../registry/agents.ts'
import { markTask } from './marks.ts'

/**
 * What was read after the backup was taken is not known, and neither is what was labelled then. Grants need a new consent after a
 * restore, which is a new task; an agent goes on, so that it counts as one that has read, whatever the labels of the backup say.
 */
export const markAgents = async (core: Pick<Core, 'db' | 'domain' | 'clock' | 'publish'>): Promise<void> => {
  for (const { id, role, status } of await listAgents(core))
    if (role === 'agent' && status !== 'retired') await markTask(core, id)
}
