/** Files that their owner alone can read. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Written whole and renamed: a reader sees the old file or the new one, and nobody else sees either. */
export const writePrivately = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const fresh = `${path}.${process.pid}.new`
  rmSync(fresh, { force: true })
  const handle = openSync(fresh, 'wx', 0o600)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(fresh, path)
}

/** The public key of the ledger, left beside the data for `audit verify`; better is one that was kept elsewhere. */
export const verifierKeyFile = (dataDir: string): string => join(dataDir, 'ledger.vkey')

export const writePublic = (path: string, text: string): void => writeFileSync(path, text)
