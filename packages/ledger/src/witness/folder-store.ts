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

const isSameHead = (a: WitnessedHead | undefined, b: WitnessedHead | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.size === b.size && Buffer.compare(a.root, b.root) === 0

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

  const swap = async (origin: string, before: WitnessedHead | undefined, note: string): Promise<boolean> => {
    if (!isSameHead(await read(origin), before)) return false
    // What cannot be read again is not written.
    const head = headOf(note)
    // Unknown until the file is replaced and synced: whatever fails in between is read again.
    known.delete(origin)
    await replaceFile(files, fileOf(origin), Buffer.from(note, 'utf8'))
    await files.syncDirectory(dir)
    known.set(origin, head)
    return true
  }

  /** INVARIANT: of one log one thing happens at a time, reading included: a reader that is late would bring the past back. */
  const inTurn = <Value>(origin: string, task: () => Promise<Value>): Promise<Value> => {
    const before = busy.get(origin) ?? Promise.resolve()
    const done = before.catch(() => undefined).then(task)
    busy.set(origin, done)
    return done
  }

  return {
    latest: (origin) => inTurn(origin, () => read(origin)),
    replace: (origin, before, note) => inTurn(origin, () => swap(origin, before, note)),
    close: () => lock.release(),
  }
}
