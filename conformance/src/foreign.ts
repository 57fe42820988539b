/** What the suites of foreign client libraries share: a domain with one server, an agent and a person who says yes. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PageBrowser } from '@credence/authority/testing'
import { openWorld, type RegisteredAgent, type World } from './world.ts'

export const REDIRECT = 'https://agent.example/callback'
export const TOOLS = [
  { name: 'read_text_file', description: 'Reads a file', inputSchema: { type: 'object' } },
  { name: 'write_file', description: 'Writes a file', inputSchema: { type: 'object' } },
]

export interface ForeignWorld extends World {
  readonly resource: string
  readonly agent: RegisteredAgent
  readonly person: PageBrowser
  /** A resource server of the domain: what may introspect. */
  readonly node: RegisteredAgent
  details(...tools: string[]): string
}

/** The key that a client authenticates with, for Web Crypto. */
export const webKey = async ({ privateKey }: RegisteredAgent): Promise<CryptoKey> => {
  const jwk = privateKey.export({ format: 'jwk' })
  return await globalThis.crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
}

/** A server that answers every request: what reaches it was allowed. */
const startUpstream = async () => {
  const server = createServer((_req, res) => res.writeHead(404).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, close: () => server.close() }
}

export const openForeignWorld = async (): Promise<ForeignWorld> => {
  const world = await openWorld()
  const upstream = await startUpstream()
  const resource = await world.addServer('files', upstream.url, TOOLS)
  const agent = await world.addAgent('Foreign client', [REDIRECT])
  return {
    ...world,
    resource,
    agent,
    person: await world.owner(),
    node: await world.addAgent('Resource server', [], 'node'),
    details: (...tools) => JSON.stringify([{ type: 'mcp_tools', locations: [resource], tools }]),
    close: async () => {
      upstream.close()
      await world.close()
    },
  }
}
