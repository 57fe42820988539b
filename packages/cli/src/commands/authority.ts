import { join } from 'node:path'
import type { Command } from '../command.ts'
import { writePrivately } from '../private-files.ts'
import { untilStopped } from '../until-stopped.ts'

export const authority: Command = {
  name: 'authority',
  summary: 'The authority alone; gateways run in processes of their own',
  help: [
    'Several of them with the same --issuer, --database-url (PostgreSQL) and CREDENCE_KEY_ENCRYPTION_KEY are one authority:',
    'each has a data directory and a --listen-port of its own, and something in front spreads requests over them.',
  ].join('\n'),
  takes: [0, 0],
  host: true,
  run: async (context) => {
    const { startAuthorityAlone } = await import('../compose/authority.ts')
    const { authority: started, close } = await startAuthorityAlone(context.settings)
    try {
      const { issuer, dataDir } = context.settings
      const link = started.setupLink
      const file = join(dataDir, 'setup-link')
      if (link !== undefined) writePrivately(file, `${link.url}\n`)
      const { port } = started
      context.print(
        { ready: true, issuer, port, dataDir, ...(link === undefined ? {} : { setupLinkFile: file }) },
        () =>
          [
            `The authority is up as ${issuer}.`,
            `  listens    port ${port}`,
            `  data       ${dataDir}`,
            ...context.config.unsafe.map(({ setting, why }) => `Unsafe: ${setting}: ${why}`),
            ...(link === undefined ? [] : [`There is no owner yet. The link that makes one is in ${file}.`]),
            'Ctrl-C ends it.',
          ].join('\n'),
      )
      await untilStopped()
    } finally {
      await close()
    }
  },
}
