/** What a witness remembers, in a folder: one file for each log, replaced as a whole. One process, one folder. */
import { join } from 'node:path'
import { parseCheckpoint, parseNote } from '@credence/protocol/c2sp'
import type { FileLayer } from '../files/layer.ts'
import { isMissing } from '../files/node-files.ts'
import { readFile, replaceFile } from '../files/whole.ts'
import { acquireLock } from '../lock.ts'
import { originHash, type WitnessedHead, type WitnessStore } from './witness.ts'

export interface FolderWitnessStore extends WitnessStore {
  close(): void
}

const headOf = (note: string): WitnessedHead => {
  const { size, root } = parseCheckpoint(parseNote(note).text)
  return { size, root, note }
}

/**
 * Throws `unavailable` when another process has the folder.
 * INVARIANT: a file that is there and cannot be read is an error, never "no checkpoint yet": a witness that forgot would
 * cosign a second history.
 */
export const openFolderWitnessStore = async (dir: string, files: FileLayer): Promise<FolderWitnessStore> => {
  await files.makeDirectory(dir)
  const lock = acquireLock(dir)
  const known = new Map<string, WitnessedHead | undefined>()
  const busy = new Map<string, Promise<unknown>>()
  const fileOf = (origin: string): string => join(dir, `${originHash(origin)}.checkpoint`)

  const read = async (origin: string): Promise<WitnessedHead | undefined> => {
    if (known.has(origin)) return known.get(origin)
    try {
      const head = headOf((await readFile(files, fileOf(origin))).toString('utf8'))
      known.set(origin, head)
      return head
    } catch (error) {
      if (!isMissing(error)) throw error
      known.set(origin, undefined)
      return undefined
    }
  }

  const swap = async (origin: string, oldSize: number, head: WitnessedHead): Promise<boolean> => {
    if (((await read(origin))?.size ?? 0) !== oldSize) return false
    // Unknown until the file is replaced and synced: whatever happens in between is read again.
    known.delete(origin)
    await replaceFile(files, fileOf(origin), Buffer.from(head.note, 'utf8'))
    await files.syncDirectory(dir)
    known.set(origin, head)
    return true
  }

  return {
    latest: read,
    replace: (origin, oldSize, head) => {
      const before = busy.get(origin) ?? Promise.resolve()
      const done = before.catch(() => undefined).then(() => swap(origin, oldSize, head))
      busy.set(origin, done)
      return done
    },
    close: () => lock.release(),
  }
}
