/** Where the key-encryption key comes from: the environment, else a file in the data directory, made at first start. */
import { join } from 'node:path'
import { fromBase64url, type Random, toBase64url } from '@credence/kit'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export const loadKek = (dataDir: string, fromEnvironment: string | undefined, random: Random): Uint8Array => {
  if (fromEnvironment !== undefined) return fromBase64url(fromEnvironment)
  const path = join(dataDir, 'kek')
  const found = readPrivateFile(path)
  if (found !== undefined) return fromBase64url(found.toString('utf8').trim())
  const made = random.bytes(32)
  writePrivateFile(path, `${toBase64url(made)}\n`)
  return made
}
