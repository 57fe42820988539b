/** Processes on cores of their own: what is measured on the first core, load and upstream on the second. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once as happens } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Usage } from './probe.ts'

export const MEASURED = 0
export const BESIDE = 1

const PROBE = fileURLToPath(new URL('probe.ts', import.meta.url))

export const pinned = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0

export const onCore = (core: number, command: readonly string[]): readonly string[] =>
  pinned ? ['taskset', '-c', String(core), ...command] : command

export interface Running {
  readonly pid: number
  /** Sends a message and resolves with the member `name` of the first answer that has it. */
  ask<T>(message: unknown, name: string): Promise<T>
  usage(): Promise<Usage>
  collect(): Promise<Usage>
  stop(): Promise<void>
}

export interface StartOptions {
  /** Default the first one; `any`: where the system likes, as for a user. */
  readonly core?: number | 'any'
  readonly args?: readonly string[]
  readonly nodeArgs?: readonly string[]
  /** Program of somebody else: it does not say when it is ready. */
  readonly foreign?: boolean
}

const answering = (child: ChildProcess, stderr: () => string) => {
  const waiting = new Map<string, { resolve(value: unknown): void; reject(error: Error): void }>()
  child.on('message', (message: Record<string, unknown>) => {
    for (const [name, value] of Object.entries(message)) {
      waiting.get(name)?.resolve(value)
      waiting.delete(name)
    }
  })
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`a process ended early (${code}): ${stderr()}`))
  })
  return <T>(name: string): Promise<T> =>
    new Promise((resolve, reject) => waiting.set(name, { resolve: resolve as (value: unknown) => void, reject }))
}

/** Everything that was started and still runs; it ends with us and takes its folders along. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) if (child.connected) child.disconnect()
})

export const start = async <Ready>(file: string, options: StartOptions = {}): Promise<Running & { ready: Ready }> => {
  const node = [process.execPath, ...(options.nodeArgs ?? []), '--expose-gc', '--import', PROBE, file]
  const placed = options.core === 'any' ? node : onCore(options.core ?? MEASURED, node)
  const [command = '', ...args] = [...placed, ...(options.args ?? [])]
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' }
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env })
  let noise = ''
  child.stderr?.on('data', (piece: Buffer) => {
    noise = (noise + piece).slice(-2000)
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const next = answering(child, () => noise)
  const ask = <T>(message: unknown, name: string): Promise<T> => {
    const answer = next<T>(name)
    child.send(message as object)
    return answer
  }
  const ready = options.foreign === true ? (undefined as Ready) : await next<Ready>('ready')
  return {
    pid: child.pid ?? 0,
    ready,
    ask,
    usage: () => ask('usage', 'usage'),
    collect: () => ask('collect', 'usage'),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = happens(child, 'exit')
      child.disconnect()
      const kill = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(kill)
    },
  }
}

export const fileOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
