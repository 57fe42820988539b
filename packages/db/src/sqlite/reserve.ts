/**
 * Space that is kept back for the day when the disk is full: a file of incompressible bytes. It is removed so that a
 * batch that takes authority away can commit; until it stands again, no other batch may use what it set free.
 */
import { createCipheriv } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'

export interface Reserve {
  /** Is the space there? Tries to take it back, at most once a second. */
  stands(monotonic: number): boolean
  spend(): void
}

const RETRY_MS = 1_000

const fill = (bytes: number): Uint8Array =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes))

const write = (file: string, bytes: number): boolean => {
  try {
    const handle = openSync(file, 'w', 0o600)
    try {
      const content = fill(bytes)
      for (let at = 0; at < bytes; ) at += writeSync(handle, content, at)
      fsyncSync(handle)
      return true
    } finally {
      closeSync(handle)
    }
  } catch {
    rmSync(file, { force: true })
    return false
  }
}

export const createReserve = (file: string, bytes: number): Reserve => {
  const complete = (): boolean => bytes === 0 || (existsSync(file) && statSync(file).size === bytes)
  let standing = complete() || write(file, bytes)
  let triedAt = Number.NEGATIVE_INFINITY
  return {
    stands: (monotonic) => {
      if (standing || monotonic - triedAt < RETRY_MS) return standing
      triedAt = monotonic
      standing = write(file, bytes)
      return standing
    },
    spend: () => {
      if (bytes === 0) return
      rmSync(file, { force: true })
      standing = false
    },
  }
}
