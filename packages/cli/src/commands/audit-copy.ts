import { join, resolve } from 'node:path'
import { refused } from '@credence/kit'
import type { Command } from '../command.ts'
import { copyLedger } from '../compose/ledger-copy.ts'
import { verifierKey } from '../verifier-key.ts'

export const auditCopy: Command = {
  name: 'audit copy',
  operands: 'DIR',
  summary: 'Copy the ledger out of PostgreSQL into a folder that anybody can verify',
  help: 'Reads the database of this host; nothing needs to run, and nothing is judged: audit verify DIR does that.',
  takes: [1, 1],
  flags: {
    key: {
      type: 'string',
      value: 'KEY|FILE',
      about: 'public key of the ledger (default: ledger.vkey in the data directory)',
    },
  },
  run: async (context) => {
    const dir = resolve(context.operands[0] ?? '')
    const { databaseUrl, dataDir } = context.settings
    if (databaseUrl === undefined) {
      throw refused(
        'copy_not_needed',
        `The ledger is files already: copy the folder ${join(dataDir, 'ledger')}, or the whole domain with credence backup.`,
      )
    }
    await copyLedger(context.settings, databaseUrl, dir, verifierKey(context))
    context.print({ ledger: dir }, () => `The ledger is in ${dir}. credence audit verify ${dir} examines it.`)
  },
}
