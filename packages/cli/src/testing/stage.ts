/** Where a test or a scenario plays: a fresh folder, free ports, real processes. INVARIANT: nothing of it is left at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../run.ts'

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
export const MAIN = join(ROOT, 'packages/cli/src/main.ts')
const READY_MS = 30_000
const GRACE_MS = 6_000

/** Asked of the system all at once, so that no two are the same. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

export interface Running {
  readonly child: ChildProcess
  /** What it said of itself when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
}

export interface Stage {
  readonly dir: string
  writeJson(name: string, value: unknown): string
  /** A `credence` process that stays, once it is ready. */
  start(...argv: string[]): Promise<Running>
  /** A `credence` command that ends, with what it answered. */
  command<T>(...argv: string[]): Promise<T>
  /** Ends one process, or everything. */
  close(one?: Running): Promise<void>
}

const firstLine = (child: ChildProcess, stderr: () => string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`not ready in time: ${stderr()}`)), READY_MS)
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.includes('\n')) return
      clearTimeout(timer)
      resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`ended with ${code} before it was ready: ${stderr()}`))
    })
  })

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await ended
  clearTimeout(timer)
}

/** The words of a refusal, or the whole line when it is something else. */
const messageOf = (line: string, argv: readonly string[]): string => {
  const refusal = /"message":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1]
  return refusal === undefined
    ? `credence ${argv.slice(0, 2).join(' ')}: ${line}`
    : (JSON.parse(`"${refusal}"`) as string)
}

export const openStage = (): Stage => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-'))
  // Where servers run as another user, theirs must reach the documents below; the data directory shuts itself.
  chmodSync(dir, 0o711)
  const children: ChildProcess[] = []
  return {
    dir,
    writeJson: (name, value) => {
      const file = join(dir, name)
      writeFileSync(file, JSON.stringify(value, null, 2))
      return file
    },
    start: async (...argv) => {
      let errors = ''
      const child = spawn(process.execPath, [MAIN, ...argv, '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      children.push(child)
      child.stderr.on('data', (chunk: Buffer) => {
        errors = (errors + chunk.toString()).slice(-4_000)
      })
      const line = await firstLine(child, () => errors)
      return { child, ready: JSON.parse(line) as Record<string, unknown> }
    },
    command: async <T>(...argv: string[]) => {
      const out: string[] = []
      const err: string[] = []
      const code = await run([...argv, '--json'], { out: (line) => out.push(line), err: (line) => err.push(line) })
      if (code !== 0) throw new Error(messageOf(err.at(-1) ?? '', argv))
      return JSON.parse(out.at(-1) ?? '{}') as T
    },
    close: async (one) => {
      if (one !== undefined) return await stop(one.child)
      await Promise.all(children.map(stop))
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

const require = createRequire(import.meta.url)
const serverFile = (name: string): string => require.resolve(`@modelcontextprotocol/${name}/dist/index.js`)

/** Host configuration of the two real servers. */
export const realServers = (folder: string) => ({
  files: { command: process.execPath, args: [serverFile('server-filesystem'), folder], read: [ROOT, folder] },
  everything: {
    command: process.execPath,
    args: [serverFile('server-everything'), 'stdio'],
    read: [ROOT],
    shared: true,
  },
})

/** As the system says it: is this file in reach of its owner alone? */
export const isPrivate = (path: string): boolean => (statSync(path).mode & 0o077) === 0
