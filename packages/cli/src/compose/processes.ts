/** Processes of this program that belong to one that started them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { unavailable } from '@credence/kit'

const MAIN = fileURLToPath(new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
const READY_MS = 30_000
const GRACE_MS = 6_000

export interface Process {
  readonly name: string
  readonly pid: number
  /** What it said of itself when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
  stop(): Promise<void>
}

const firstLine = (child: ChildProcess, name: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const failed = (): void => {
      clearTimeout(timer)
      reject(unavailable('process_not_ready', `${name} did not start. Its reason is above.`))
    }
    const timer = setTimeout(failed, READY_MS)
    child.once('exit', failed)
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.includes('\n')) return
      clearTimeout(timer)
      child.removeListener('exit', failed)
      resolve(text.slice(0, text.indexOf('\n')))
    })
  })

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await ended
  clearTimeout(timer)
}

/** A `credence` command that stays, once it is ready. What it says on standard error is said here. */
export const startProcess = async (
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  tell: (line: string) => void,
): Promise<Process> => {
  const child = spawn(process.execPath, [MAIN, ...argv, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  try {
    const ready = JSON.parse(await firstLine(child, name)) as Record<string, unknown>
    let stopping = false
    child.once('exit', (code, signal) => {
      if (!stopping) tell(`${name} ended (${signal ?? code}); the others go on.`)
    })
    const end = (): Promise<void> => {
      stopping = true
      return stop(child)
    }
    return { name, pid: child.pid ?? 0, ready, stop: end }
  } catch (error) {
    await stop(child)
    throw error
  }
}
