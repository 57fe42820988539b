/**
 * One directory, one writing process. The kernel holds the lock (SQLite's file lock on an empty file), so that it ends
 * with the process however the process ends, and no stale file can keep anybody out or let two in.
 * NOTE: file locks of network file systems may not mean it; a ledger belongs on a local disk.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { unavailable } from '@credence/kit'

export const acquireLock = (dir: string): { release(): void } => {
  const database = new DatabaseSync(join(dir, 'lock'))
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw unavailable('ledger_in_use', 'Another process has this ledger open.', { cause, detail: dir })
  }
  return { release: () => database.close() }
}
