import type { Command } from '../command.ts'
import { usage } from '../errors.ts'
import { policiesOf, type ShownServer } from './server-list.ts'

export const serverSet: Command = {
  name: 'server set',
  operands: 'NAME',
  summary: 'Observe the policies of a server instead of enforcing them, or enforce them again',
  help: [
    'Observed: every call is decided and recorded as always, and what the policies refuse is done all the same.',
    'Grants, proofs, revocations and the system policies stay enforced; agents that act for themselves and bearer tokens are not observed.',
  ].join('\n'),
  takes: [1, 1],
  flags: {
    observe: { type: 'boolean', about: 'decide and record, do not enforce' },
    enforce: { type: 'boolean', about: 'enforce again' },
  },
  run: async (context) => {
    const observe = context.on('observe')
    if (observe === context.on('enforce')) throw usage('Say either --observe or --enforce.')
    const name = context.operands[0] ?? ''
    const server = await context
      .api()
      .send<ShownServer>('PUT', `/v1/servers/${encodeURIComponent(name)}/observe`, { observe })
    context.print(server, () => `Policies of ${server.name}: ${policiesOf(server.observe)}.`)
  },
}
