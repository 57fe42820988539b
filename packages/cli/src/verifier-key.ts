/** The public key of a ledger for commands that work offline: given with `--key`, or left beside the data. */
import { existsSync, readFileSync } from 'node:fs'
import { refused } from '@credence/kit'
import type { Context } from './command.ts'
import { verifierKeyFile } from './private-files.ts'

export const verifierKey = (context: Context): string => {
  const given = context.text('key')
  if (given !== undefined) return existsSync(given) ? readFileSync(given, 'utf8').trim() : given
  const file = verifierKeyFile(context.settings.dataDir)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  throw refused('verifier_key_needed', `There is no ${file}. Give the key of the ledger with --key.`)
}
