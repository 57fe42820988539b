import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { refused } from '@credence/kit'
import type { Command } from '../command.ts'

export const backup: Command = {
  name: 'backup',
  operands: 'DIR',
  summary: 'Copy the domain into a new folder, also while it runs',
  help: 'Holds everything, keys too, unless --without-keys: keep it as you would keep the domain itself.',
  takes: [1, 1],
  flags: {
    'without-keys': {
      type: 'boolean',
      about: 'leave out the files that open the sealed secrets; keep those elsewhere',
    },
  },
  run: async (context) => {
    const { backup: backupDomain, databaseFile } = await import('@credence/authority')
    const { copyDatabase } = await import('@credence/db')
    const { dataDir, databaseUrl } = context.settings
    const target = resolve(context.operands[0] ?? '')
    if (databaseUrl !== undefined) {
      throw refused(
        'backup_elsewhere',
        'The database is PostgreSQL: copy it with its own means (the ledger is in it), and keep the key-encryption key (kek).',
      )
    }
    if (!existsSync(databaseFile(dataDir))) throw refused('domain_missing', `There is no domain in ${dataDir}.`)
    // NOTE: what the running ledger has acknowledged is in its files; publishing is a matter of a second and of its process.
    const source = {
      backup: (to: string) => copyDatabase(databaseFile(dataDir), to),
      ledger: { publish: async () => {} },
    }
    await backupDomain(dataDir, target, source, { withKeys: !context.on('without-keys') })
    context.print(
      { backup: target },
      () => `The domain is in ${target}. credence restore ${target} --data-dir DIR brings it back.`,
    )
  },
}
