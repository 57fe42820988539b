/** Keeps compiled code between starts: a third of the CPU time of a start is loading modules that did not change. */
import { mkdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** INVARIANT: what is in there is executed, so only a folder that nobody else can write to is used, never one below /tmp. */
const isOurs = (folder: string): boolean => {
  const { uid, mode } = statSync(folder)
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0)
}

/** Without a usable folder a start is slower, and nothing else. */
export const keepCompiledCode = (
  folder: string = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'credence', 'compiled'),
): boolean => {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!isOurs(folder)) return false
    if (enableCompileCache(folder).directory === undefined) return false
    // Threads of this process find it here; servers that we start see only the environment they are given.
    process.env.NODE_COMPILE_CACHE ||= folder
    return true
  } catch {
    return false
  }
}
