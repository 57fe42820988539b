/** A child that does not play by the rules must neither fill our memory nor reach another caller. */
import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { nodeClock } from '@credence/kit/node'
import { createLineChannel } from './line-channel.ts'
import { createStdioUpstream } from './stdio.ts'
import type { UpstreamCall } from './upstream.ts'

const asked = (more: Partial<UpstreamCall> = {}): UpstreamCall => ({
  method: 'tools/call',
  params: {},
  signal: AbortSignal.timeout(10_000),
  onNotification: () => {},
  ...more,
})
/** A legacy server that begins well, then writes a line that never ends. */
const FLOOD = `echo $$ >&2; trap "" PIPE
read probe; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'
read begin; echo '{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}'
read done; head -c 20000000 /dev/zero | tr "\\0" x; exec sleep 60`
const deaf = (): Writable => new Writable({ highWaterMark: 1, write: () => {} })

describe('line channel', () => {
  it('a line without an end ends the channel, and nothing more is kept of it', async () => {
    const output = new PassThrough()
    const channel = createLineChannel(new PassThrough(), output)
    const waiting = assert.rejects(channel.call(asked()), { code: 'upstream_gone' })
    for (let sent = 0; sent < 18; sent += 1) output.write(Buffer.alloc(1024 * 1024, 0x78))
    await waiting
    await pause(10)
    assert.ok(output.destroyed, 'it is still being read')
  })

  it('the server whose channel ended is stopped', async () => {
    let pid = 0
    const launch = {
      command: '/bin/sh',
      args: ['-c', FLOOD],
      env: { PATH: process.env.PATH ?? '' },
      cwd: '/',
      isolation: 'none' as const,
    }
    const onLog = (line: string) => {
      pid ||= Number.parseInt(line, 10)
    }
    const upstream = createStdioUpstream({ launch, clock: nodeClock, onLog })
    try {
      await assert.rejects(upstream.call(asked()))
      await pause(300)
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    } finally {
      await upstream.close()
    }
  })

  it('a child that never reads is not written to without end', async () => {
    const input = deaf()
    const channel = createLineChannel(input, new PassThrough())
    const text = 'x'.repeat(1024 * 1024)
    const calls = Array.from({ length: 64 }, () => channel.call(asked({ params: { text } })))
    const ends = Promise.allSettled(calls)
    assert.ok(input.writableLength < 32 * 1024 * 1024, `${input.writableLength} bytes wait for it`)
    channel.end('over')
    const codes = (await ends).map((end) => (end.status === 'rejected' ? end.reason.code : 'answered'))
    assert.ok(codes.includes('upstream_busy'))
  })

  it('a child that asks without end and never reads gets no pile of answers', async () => {
    const input = deaf()
    const output = new PassThrough()
    createLineChannel(input, output)
    const id = 'i'.repeat(1024 * 1024)
    for (let sent = 0; sent < 40; sent += 1) {
      output.write(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'roots/list' })}\n`)
      await pause(1)
    }
    assert.ok(input.writableLength < 32 * 1024 * 1024, `${input.writableLength} bytes wait for it`)
  })

  it('a log message names no call, so it goes to none: the one in flight may be another caller’s', async () => {
    const output = new PassThrough()
    const channel = createLineChannel(new PassThrough(), output)
    const first = channel.call(asked())
    output.write('{"jsonrpc":"2.0","id":1,"result":{}}\n')
    await first
    const told: string[] = []
    const second = channel.call(asked({ onNotification: (method) => told.push(method) }))
    output.write('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"of the first"}}\n')
    output.write('{"jsonrpc":"2.0","id":2,"result":{}}\n')
    await second
    assert.deepEqual(told, [])
  })
})
