/**
 * As what this process writes records. Of several nodes each has a name that stays over its restarts: a node asks about
 * the intents that it left open itself, never about those that another is carrying out.
 */
import { join } from 'node:path'
import { type Random, toBase64url } from '@credence/kit'
import type { AuthorityConfig } from '../config.ts'
import { readPrivateFile, writePrivateFile } from '../keys/private-file.ts'

/** An intent waits no longer for a database than this; it may still arrive, and then has an outcome that says so. */
const INTENT_TIMEOUT_MS = 2_000

const nodeName = (dataDir: string, random: Random): string => {
  const path = join(dataDir, 'node')
  const found = readPrivateFile(path)?.toString('utf8').trim()
  if (found !== undefined) return found
  const made = toBase64url(random.bytes(6))
  writePrivateFile(path, `${made}\n`)
  return made
}

export const emitterOf = (
  { database, dataDir }: Pick<AuthorityConfig, 'database' | 'dataDir'>,
  random: Random,
): { readonly emitter: string; readonly intentTimeoutMs?: number } =>
  database.engine === 'sqlite'
    ? { emitter: 'authority' }
    : { emitter: `authority/${nodeName(dataDir, random)}`, intentTimeoutMs: INTENT_TIMEOUT_MS }
