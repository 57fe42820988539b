/** An MCP server that runs as a child process. It is started at the first call and again after it died. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '@credence/kit'
import { unavailable } from '@credence/kit'
import { handshake } from './handshake.ts'
import { createLineChannel, type LineChannel } from './line-channel.ts'
import type { Launch } from './sandbox.ts'
import type { Upstream, UpstreamInfo } from './upstream.ts'

/** A server that dies at once is not started again more often than this. */
const RESTART_MS = 1000
const GRACE_MS = 2000

interface Running {
  readonly child: ChildProcess
  readonly channel: LineChannel
  readonly info: Promise<UpstreamInfo>
}

export interface StdioUpstreamOptions {
  readonly launch: Launch
  readonly clock: Clock
  /** What the server writes to standard error, a line at a time, already bounded. For the operator, never for a caller. */
  readonly onLog?: (line: string) => void
}

export const createStdioUpstream = ({ launch, clock, onLog }: StdioUpstreamOptions): Upstream => {
  let running: Running | undefined
  let startedAt = Number.NEGATIVE_INFINITY
  let closed = false

  const start = (): Running => {
    if (closed) throw unavailable('upstream_closed', 'The gateway is closing.')
    if (clock.monotonic() - startedAt < RESTART_MS) {
      throw unavailable('upstream_restarting', 'The server behind the gateway stopped and is being started again.', {
        headers: { 'retry-after': '1' },
      })
    }
    startedAt = clock.monotonic()
    const child = spawn(launch.command, [...launch.args], {
      env: { ...launch.env },
      cwd: launch.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const channel = createLineChannel(child.stdin, child.stdout, () => child.kill('SIGKILL'))
    const gone = (reason: string): void => {
      channel.end(reason)
      if (running?.child === child) running = undefined
    }
    child.on('error', (error) => gone(error.message))
    child.on('exit', (code, signal) => gone(`exited with ${signal ?? code}`))
    child.stderr.on('data', (chunk: Buffer) => onLog?.(chunk.toString('utf8').slice(0, 4096)))
    const info = handshake(channel)
    info.catch(() => child.kill('SIGKILL'))
    running = { child, channel, info }
    return running
  }

  const current = (): Running => running ?? start()

  return {
    info: async () => await current().info,
    call: async (call) => {
      const { channel, info } = current()
      await info
      return await channel.call(call)
    },
    close: async () => {
      closed = true
      const child = running?.child
      if (child === undefined || child.exitCode !== null) return
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.stdin?.end()
      const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
      child.kill('SIGTERM')
      await exited
      clearTimeout(kill)
    },
  }
}
