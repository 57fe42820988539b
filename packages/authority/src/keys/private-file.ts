/** Files that only their owner may read, made once. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { refused } from '@credence/kit'

/** Fails when it exists; 0600 from the first moment, synced with its directory. */
export const writePrivateFile = (path: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, Buffer.from(content))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** INVARIANT: a secret file that others can read is refused, not used. Windows has no such bits. */
export const readPrivateFile = (path: string): Buffer | undefined => {
  if (!existsSync(path)) return undefined
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw refused('file_too_open', `Others can read ${path}; it must be readable by its owner alone (chmod 600).`)
  }
  return readFileSync(path)
}
