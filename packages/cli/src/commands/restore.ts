import { resolve } from 'node:path'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import type { Command } from '../command.ts'

export const restore: Command = {
  name: 'restore',
  operands: 'DIR',
  summary: 'Bring a backup back into an empty data directory',
  help: 'Begins an epoch: every token of the time before is void, and revocations that only the ledger knows are carried out again.',
  takes: [1, 1],
  host: true,
  run: async (context) => {
    const [{ restore: restoreDomain }, { hostLog }, { authorityConfig }] = await Promise.all([
      import('@credence/authority'),
      import('../compose/host.ts'),
      import('../compose/up.ts'),
    ])
    const from = resolve(context.operands[0] ?? '')
    const deps = { clock: nodeClock, random: nodeRandom, keys: nodeKeys, log: hostLog(context.settings) }
    const restored = await restoreDomain(authorityConfig(context.settings), from, deps)
    context.print({ dataDir: context.settings.dataDir, ...restored }, () =>
      [
        `Restored into ${context.settings.dataDir}: epoch ${restored.epoch}, ${restored.replayed} revocations carried out again.`,
        'Tokens of the time before are void. credence up starts it.',
      ].join('\n'),
    )
  },
}
