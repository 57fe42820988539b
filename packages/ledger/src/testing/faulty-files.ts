/** The real files with levers: a disk that fills up, writes half, fails, or forgets what was never synced. */
import { rmSync } from 'node:fs'
import type { FileLayer, LogFile } from '../files/layer.ts'
import { nodeFiles } from '../files/node-files.ts'

export interface FaultyFiles extends FileLayer {
  /** The next writes take at most so many bytes each. */
  shortWrites(bytes: number | undefined): void
  /** From now on: writes reach the disk for `after` bytes, then fail with `code`. */
  failWrites(code: string | undefined, after?: number): void
}

export const faultyFiles = (inner: FileLayer = nodeFiles()): FaultyFiles => {
  let short: number | undefined
  let code: string | undefined
  let left = 0
  const failure = () => Object.assign(new Error(`${code}: injected`), { code })
  const wrap = (file: LogFile): LogFile => ({
    ...file,
    write: async (bytes, position) => {
      let take = short === undefined ? bytes.length : Math.min(short, bytes.length)
      if (code !== undefined) {
        if (left <= 0) throw failure()
        take = Math.min(take, left)
        left -= take
      }
      return file.write(bytes.subarray(0, take), position)
    },
  })
  return {
    ...inner,
    create: async (path) => wrap(await inner.create(path)),
    open: async (path, mode) => wrap(await inner.open(path, mode)),
    shortWrites: (bytes) => {
      short = bytes
    },
    failWrites: (failWith, after = 0) => {
      code = failWith
      left = after
    },
  }
}

export interface ForgetfulFiles extends FileLayer {
  /** Power is lost: whatever was not synced is gone, and nothing works any more. */
  crash(): void
}

interface Held {
  readonly position: number
  readonly bytes: Uint8Array
}

/** Keeps writes back until they are synced, and undoes names whose directory was not. `lying`: a sync that does nothing. */
export const forgetfulFiles = (lying = false): ForgetfulFiles => {
  const inner = nodeFiles({ durableWrites: false })
  const pendingNames = new Set<string>()
  let dead = false
  const alive = () => {
    if (dead) throw Object.assign(new Error('power is lost'), { code: 'EIO' })
  }
  const wrap = (file: LogFile): LogFile => {
    let held: Held[] = []
    return {
      ...file,
      write: async (bytes, position) => {
        alive()
        held.push({ position, bytes: Uint8Array.from(bytes) })
        return bytes.length
      },
      sync: async () => {
        alive()
        if (lying) return
        const now = held
        held = []
        for (const { position, bytes } of now) await file.write(bytes, position)
        await file.sync()
      },
    }
  }
  return {
    ...inner,
    create: async (path) => {
      alive()
      return wrap(await inner.create(path))
    },
    open: async (path, mode) => {
      alive()
      return mode === 'write' ? wrap(await inner.open(path, mode)) : inner.open(path, mode)
    },
    rename: async (from, to) => {
      alive()
      await inner.rename(from, to)
      pendingNames.add(to)
    },
    syncDirectory: async (path) => {
      alive()
      for (const name of pendingNames) if (name.startsWith(path)) pendingNames.delete(name)
      await inner.syncDirectory(path)
    },
    crash: () => {
      dead = true
      for (const name of pendingNames) rmSync(name, { force: true })
    },
  }
}
