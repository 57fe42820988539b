/** The operating system's files. */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import type { FileLayer, LogFile } from './layer.ts'

/**
 * NOTE: on macOS O_DSYNC leaves the drive's own cache alone, while `fdatasync` there asks for F_FULLFSYNC; Windows has
 * no O_DSYNC. Both write, then sync.
 */
export const hasDurableWrites = (platform: NodeJS.Platform): boolean =>
  constants.O_DSYNC !== undefined && platform !== 'darwin'

const wrap = (handle: FileHandle, durable: boolean): LogFile => ({
  write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
  sync: async () => {
    if (!durable) await handle.datasync()
  },
  read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
  size: async () => {
    const { size }: Stats = await handle.stat()
    return size
  },
  close: () => handle.close(),
})

export interface NodeFilesOptions {
  /** `write` is durable by itself. Default: where the platform's O_DSYNC means it. */
  readonly durableWrites?: boolean
}

export const nodeFiles = (options: NodeFilesOptions = {}): FileLayer => {
  const durable = options.durableWrites ?? hasDurableWrites(process.platform)
  const sync = durable ? constants.O_DSYNC : 0
  return {
    makeDirectory: async (path) => {
      await mkdir(path, { recursive: true, mode: 0o700 })
    },
    list: async (path) => {
      try {
        return await readdir(path)
      } catch (error) {
        if (isMissing(error)) return []
        throw error
      }
    },
    create: async (path) =>
      wrap(await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | sync, 0o600), durable),
    open: async (path, mode) =>
      mode === 'read'
        ? wrap(await open(path, constants.O_RDONLY), durable)
        : wrap(await open(path, constants.O_RDWR | sync), durable),
    rename,
    remove: (path) => rm(path, { recursive: true, force: true }),
    syncDirectory,
  }
}

const syncDirectory = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT'
