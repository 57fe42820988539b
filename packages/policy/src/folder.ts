/** A folder on disk as one state. */
import { type BigIntStats, promises as fs } from 'node:fs'
import { join } from 'node:path'
import { refused } from '@credence/kit'
import { LIMITS } from './read-text.ts'
import type { PolicyFile, PolicySource } from './source.ts'

const SCHEMA = 'schema.cedarschema'
const LINKS = 'links.json'
const TRIES = 3

interface Seen {
  readonly file: PolicyFile
  readonly stamp: string
}

const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string => [dev, ino, size, mtimeNs, ctimeNs].join()

/** Strict UTF-8, so that nothing is in force that is not what the author sees. */
const decode = (name: string, bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refused('policy_file_invalid', `${name} is not UTF-8 text.`, { status: 422 })
  }
}

const readOne = async (dir: string, name: string): Promise<Seen> => {
  const path = join(dir, name)
  const before = await fs.stat(path, { bigint: true })
  if (!before.isFile()) throw refused('policy_file_invalid', `${name} is not a file.`, { status: 422 })
  if (before.size > LIMITS.setChars) throw refused('policy_file_invalid', `${name} is too large.`, { status: 422 })
  return { file: { name, text: decode(name, await fs.readFile(path)) }, stamp: stampOf(before) }
}

const wanted = async (dir: string): Promise<string[]> =>
  (await fs.readdir(dir))
    .filter((name) => (name.endsWith('.cedar') || name === SCHEMA || name === LINKS) && !name.startsWith('.'))
    .sort()

const readAll = async (dir: string): Promise<Seen[]> => {
  const names = await wanted(dir)
  return Promise.all(names.map((name) => readOne(dir, name)))
}

/** Undefined when anything in the folder moved while it was read. */
const readOnce = async (dir: string): Promise<readonly PolicyFile[] | undefined> => {
  const seen = await readAll(dir)
  const names = await wanted(dir)
  if (names.join('/') !== seen.map(({ file }) => file.name).join('/')) return undefined
  for (const { file, stamp } of seen) {
    if (stampOf(await fs.stat(join(dir, file.name), { bigint: true })) !== stamp) return undefined
  }
  return seen.map(({ file }) => file)
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

const tryOnce = async (dir: string): Promise<readonly PolicyFile[] | undefined> => {
  try {
    return await readOnce(dir)
  } catch (error) {
    // A file that went away between listing and reading is a folder that moved.
    if (isMissing(error) && (await fs.stat(dir).catch(() => undefined))?.isDirectory() === true) return undefined
    if (isMissing(error)) throw refused('policy_folder_missing', `There is no folder ${dir}.`, { status: 404 })
    throw error
  }
}

/** `*.cedar`, `schema.cedarschema` and `links.json` of one folder, read as one state: a folder that changes while it is read is refused. */
export const loadPolicyFolder = async (dir: string): Promise<PolicySource> => {
  for (let tries = 0; tries < TRIES; tries++) {
    const files = await tryOnce(dir)
    if (files === undefined) continue
    const schema = files.find(({ name }) => name === SCHEMA)
    const links = files.find(({ name }) => name === LINKS)
    const policies = files.filter((file) => file !== schema && file !== links)
    if (policies.length === 0) {
      throw refused(
        'policy_folder_empty',
        `There is no *.cedar file in ${dir}. To permit nothing, keep a file with a comment only.`,
        { status: 422 },
      )
    }
    return {
      files: policies,
      ...(schema === undefined ? {} : { schema }),
      ...(links === undefined ? {} : { links }),
    }
  }
  throw refused('policy_folder_changing', `The files in ${dir} are being changed; try again when they are saved.`, {
    status: 409,
  })
}
