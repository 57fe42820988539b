/** The real files of the ledger with a lever: while `full`, nothing can be written. */
import { type FileLayer, type LogFile, nodeFiles } from '@credence/ledger'

export const filesWithLever = (): FileLayer & { full: boolean } => {
  const real = nodeFiles()
  const lever = { full: false }
  const refuse = (): void => {
    if (lever.full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  const wrap = (file: LogFile): LogFile => ({
    write: async (bytes, position) => {
      refuse()
      return file.write(bytes, position)
    },
    sync: () => file.sync(),
    read: (into, position) => file.read(into, position),
    size: () => file.size(),
    close: () => file.close(),
  })
  return Object.assign(lever, {
    makeDirectory: (path: string) => real.makeDirectory(path),
    list: (path: string) => real.list(path),
    create: async (path: string) => {
      refuse()
      return wrap(await real.create(path))
    },
    open: async (path: string, mode: 'read' | 'write') => wrap(await real.open(path, mode)),
    rename: (from: string, to: string) => real.rename(from, to),
    remove: (path: string) => real.remove(path),
    syncDirectory: (path: string) => real.syncDirectory(path),
  })
}
