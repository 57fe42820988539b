/**
 * The identities of agents on this host: a folder each, with the key (0600), who it is, and the tokens it holds.
 * INVARIANT: the private key never leaves the folder; only the public one is registered.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refused } from '@credence/kit'
import { z } from 'zod'
import { writePrivately } from './private-files.ts'

const Identity = z.strictObject({ clientId: z.string(), issuer: z.string(), name: z.string() })
export type Identity = z.infer<typeof Identity>

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export const identityFolder = (dataDir: string, name: string): string => {
  if (!NAME.test(name)) {
    throw refused(
      'name_invalid',
      `"${name}": letters, digits, dots, hyphens and underscores only, since it names a folder.`,
    )
  }
  return join(dataDir, 'agents', name)
}

export const keyFile = (folder: string): string => join(folder, 'key.pem')
export const tokensFile = (folder: string): string => join(folder, 'tokens.json')

export const writeIdentity = (folder: string, identity: Identity): void =>
  writePrivately(join(folder, 'agent.json'), `${JSON.stringify(identity, null, 2)}\n`)

export const readIdentity = (folder: string): Identity => {
  const file = join(folder, 'agent.json')
  if (!existsSync(file))
    throw refused('identity_unknown', `There is no agent identity in ${folder}. Make one with: credence agent add NAME`)
  return Identity.parse(JSON.parse(readFileSync(file, 'utf8')))
}

/** The agent of that name that was made on this host. */
export const identityNamed = (dataDir: string, name: string): Identity | undefined =>
  foldersIn(dataDir).includes(name) ? readIdentity(identityFolder(dataDir, name)) : undefined

const foldersIn = (dataDir: string): string[] => {
  const all = join(dataDir, 'agents')
  return existsSync(all) ? readdirSync(all).filter((name) => existsSync(join(all, name, 'agent.json'))) : []
}

/** The named identity, or the only one there is. */
export const chooseIdentity = (dataDir: string, name: string | undefined): string => {
  if (name !== undefined) return identityFolder(dataDir, name)
  const known = foldersIn(dataDir)
  if (known.length === 1) return identityFolder(dataDir, known[0] as string)
  throw refused(
    'identity_needed',
    known.length === 0
      ? 'This host has no agent identity yet. Make one with: credence agent add NAME'
      : `Which agent? Name one with --agent: ${known.join(', ')}`,
  )
}
