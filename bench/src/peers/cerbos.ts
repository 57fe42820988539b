/** Cerbos' own server, from its package, as a process of which the processor time is known. Linux on x64 only. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Usage } from '../measure/probe.ts'
import { MEASURED, onCore, type Running } from '../measure/processes.ts'
import { cerbosFolder } from '../servers/tool-world.ts'

/** Undefined: it is not installed, as on every other platform. */
export const cerbosBinary = (): string | undefined => {
  try {
    return createRequire(import.meta.url).resolve('@cerbos/cerbos-linux-x64')
  } catch {
    return undefined
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

/** Clock ticks of Linux, in microseconds. */
const TICK = 10_000

/** User and system time of all threads, from the process table; memory is not asked for. */
const usageOf = (pid: number): Usage => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return { cpu: (Number(fields[11]) + Number(fields[12])) * TICK, rss: 0, heap: 0 }
}

const answers = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/_cerbos/health`)).ok
  } catch {
    return false
  }
}

/** No audit, no telemetry, nothing watched: it decides and nothing else. */
const configOf = (http: number, grpc: number, folder: string): string =>
  JSON.stringify({
    server: { httpListenAddr: `127.0.0.1:${http}`, grpcListenAddr: `127.0.0.1:${grpc}` },
    storage: { driver: 'disk', disk: { directory: folder, watchForChanges: false } },
    audit: { enabled: false },
    telemetry: { disabled: true },
  })

export const startCerbos = async (binary: string): Promise<Running & { readonly port: number }> => {
  const home = mkdtempSync(join(tmpdir(), 'credence-bench-'))
  const folder = join(home, 'policies')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(cerbosFolder())) writeFileSync(join(folder, name), text)
  const port = await freePort()
  writeFileSync(join(home, 'config.yaml'), configOf(port, await freePort(), folder))
  const [command = '', ...args] = onCore(MEASURED, [
    binary,
    'server',
    `--config=${join(home, 'config.yaml')}`,
    '--log-level=error',
  ])
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, GOMAXPROCS: '1' },
  })
  const end = performance.now() + 20_000
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error('Cerbos did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const pid = child.pid ?? 0
  const usage = async () => usageOf(pid)
  return {
    port,
    pid,
    ask: () => Promise.reject(new Error('Cerbos is not asked so')),
    usage,
    collect: usage,
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill()
      await gone
      rmSync(home, { recursive: true, force: true })
    },
  }
}
