/**
 * One at a time among all processes that use the same file. A lock whose process is gone is taken over; so is one that
 * outlasts everybody's patience: the worst that follows is that something is done twice.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'

const PAUSE_MS = 50
const ATTEMPTS = 800

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

let count = 0

/** INVARIANT: the lock appears with its content, by a link, so that nobody reads half of it. */
const take = async (lock: string): Promise<boolean> => {
  count += 1
  const own = `${lock}.${process.pid}.${count}`
  await writeFile(own, String(process.pid), { flag: 'w', mode: 0o600 })
  try {
    await link(own, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(own, { force: true })
  }
}

const takeOver = async (lock: string): Promise<void> => {
  count += 1
  const aside = `${lock}.${process.pid}.${count}`
  await rename(lock, aside).catch(() => {})
  await rm(aside, { force: true })
}

const acquire = async (lock: string): Promise<void> => {
  for (let attempt = 1; !(await take(lock)); attempt += 1) {
    const holder = Number(await readFile(lock, 'utf8').catch(() => 'gone'))
    if (attempt >= ATTEMPTS || (Number.isSafeInteger(holder) && holder > 0 && isGone(holder))) await takeOver(lock)
    else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

/** The folder of `lock` must exist. */
export const withFileLock = async <T>(lock: string, run: () => Promise<T>): Promise<T> => {
  await acquire(lock)
  try {
    return await run()
  } finally {
    await rm(lock, { force: true })
  }
}
