/** The same stdio server behind three gateways, of which two check nothing. Only the gateway's own process is counted. */

import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { type Figure, figure } from '../figure.ts'
import type { Plan } from '../load/requests.ts'
import { BESIDE, fileOf, onCore, type Running, start } from '../measure/processes.ts'
import { interleaved } from '../measure/rounds.ts'
import { type Bench, contender, describe, ratio, rounds } from './bench.ts'

const VERSION = '2025-11-25'
const require = createRequire(import.meta.url)
const bin = (name: string, path: string): string => join(dirname(require.resolve(`${name}/package.json`)), path)

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

const post = (url: string, session: string | null, message: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session === null ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })

/** One session for all connections: the cheapest way to use them. */
const openSession = async (url: string): Promise<Readonly<Record<string, string>>> => {
  const clientInfo = { name: 'bench', version: '1' }
  const params = { protocolVersion: VERSION, capabilities: {}, clientInfo }
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await post(url, null, { id: 'init', method: 'initialize', params })
      await response.text()
      if (response.status !== 200) throw new Error(`no session: status ${response.status}`)
      const session = response.headers.get('mcp-session-id')
      await (await post(url, session, { method: 'notifications/initialized' })).text()
      return { 'mcp-protocol-version': VERSION, ...(session === null ? {} : { 'mcp-session-id': session }) }
    } catch (error) {
      if (attempt > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const echo = onCore(BESIDE, [process.execPath, fileOf('servers/stdio-echo.ts')])

interface Other {
  readonly server: Running
  readonly port: number
  readonly plan: Plan
}

const startOther = async (file: string, argsFor: (port: string) => readonly string[]): Promise<Other> => {
  const port = await freePort()
  const server = await start<undefined>(file, { foreign: true, args: argsFor(String(port)) })
  const url = `http://127.0.0.1:${port}/mcp`
  return { server, port, plan: { kind: 'plain', url, headers: await openSession(url), bytes: 500 } }
}

const mcpProxy = (): Promise<Other> =>
  startOther(bin('mcp-proxy', 'dist/bin/mcp-proxy.mjs'), (port) => [
    ...['--port', port, '--host', '127.0.0.1', '--server', 'stream', '--no-eventStore', '--', ...echo],
  ])

const supergateway = (): Promise<Other> =>
  startOther(bin('supergateway', 'dist/index.js'), (port) => [
    ...['--stdio', echo.join(' '), '--outputTransport', 'streamableHttp', '--stateful', '--port', port],
    ...['--logLevel', 'none', '--protocolVersion', VERSION],
  ])

export const proxies: Bench = async (context): Promise<readonly Figure[]> => {
  const world = await context.world()
  const { client, stdio, gatewayPort } = world.credence.ready
  const accessToken = await world.token(stdio)
  const headers = { 'mcp-protocol-version': VERSION }
  const plan: Plan = { kind: 'call', url: stdio, client, accessToken, headers, bytes: 500 }
  context.say('gateways in front of a stdio server: credence, mcp-proxy, supergateway')
  const [one, two] = [await mcpProxy(), await supergateway()]
  const contenders = [
    contender('credence', world.credence, gatewayPort, plan),
    contender('mcp-proxy', one.server, one.port, one.plan),
    contender('supergateway', two.server, two.port, two.plan),
  ]
  const measured = await interleaved(world.load, contenders, rounds(context, 32))
  await Promise.all([one.server.stop(), two.server.stop()])
  context.note(describe('stdio server', 32, measured))
  return [
    figure('guarded_call.vs_mcp_proxy', ratio(measured, 'mcp-proxy', 'credence'), 'x', { least: 2 }),
    figure('guarded_call.vs_supergateway', ratio(measured, 'supergateway', 'credence'), 'x', { least: 2 }),
  ]
}
