import type { Core } from '../core.ts'
import { listAgents } from '../registry/agents.ts'
import { readRegistry } from '../registry/registry.ts'
import { markTask } from './marks.ts'

/**
 * What was read after the backup was taken is not known. Grants need a new consent after a restore, which is a new task; an agent
 * that acts for itself goes on, so that it counts as one that has read. Where no tool was labelled, nobody has.
 */
export const markAgents = async (core: Pick<Core, 'db' | 'domain' | 'clock' | 'publish'>): Promise<void> => {
  const { servers } = await readRegistry(core)
  if (!servers.some(({ labels }) => Object.values(labels).some(({ untrusted }) => untrusted === true))) return
  for (const { id, role, status } of await listAgents(core))
    if (role === 'agent' && status !== 'retired') await markTask(core, id)
}
