/** A gateway over real sockets in front of real servers, with an issuer whose key the test holds. */
import { spawn } from 'node:child_process'
import { once as happens } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { staticKeys } from '@credence/guard'
import {
  AGENT,
  DOMAIN,
  jktOf,
  pair,
  proofBy,
  signRaw,
  testDecider,
  testRecorder,
  testRevocations,
} from '@credence/guard/testing'
import { createMemoryOnce, newId } from '@credence/kit'
import { createHttpServer } from '@credence/kit/http'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import type { ToolLabels } from '@credence/model'
import { fetch, Pool, type RequestInit, type Response } from 'undici'
import { createGateway, type ServerEntry } from '../index.ts'
import { createHttpUpstream } from '../upstream/http.ts'
import { availableIsolation, launchOf, type StdioConfig } from '../upstream/sandbox.ts'
import { createStdioUpstream } from '../upstream/stdio.ts'
import type { Upstream } from '../upstream/upstream.ts'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('../../../../', import.meta.url))
export const everything: StdioConfig = {
  command: process.execPath,
  args: [require.resolve('@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'],
  read: [root],
}
export const filesystem = (directory: string): StdioConfig => ({
  command: process.execPath,
  args: [require.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'), directory],
  read: [root, directory],
})

/** The ordinary HTTP server of `fixture-server.mjs` in a process of its own. */
export const startFixture = async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('fixture-server.mjs', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await happens(child.stdout, 'data')) as [Buffer]
  const url = `http://127.0.0.1:${line.toString().trim()}`
  return {
    url: new URL('/mcp', url),
    seen: async () => (await (await fetch(`${url}/seen`)).json()) as Record<string, string>[],
    close: () => child.kill('SIGKILL'),
  }
}

export type MakeUpstream = () => Upstream

export const httpUpstream =
  (url: URL): MakeUpstream =>
  () =>
    createHttpUpstream({ dispatcher: new Pool(url.origin), url })

export const stdioUpstream = (
  config: StdioConfig,
  isolation = availableIsolation()[0] ?? 'none',
  hidden: readonly string[] = [],
): MakeUpstream => {
  const launch = launchOf(config, { isolation, hidden, environment: process.env })
  return () => createStdioUpstream({ launch, clock: nodeClock })
}

export interface HarnessOptions {
  readonly upstreams: Readonly<Record<string, MakeUpstream>>
  readonly labels?: Readonly<Record<string, ToolLabels>>
  readonly shared?: boolean
  readonly callTimeoutMs?: number
}

export const startHarness = async ({
  upstreams,
  labels = {},
  shared = true,
  callTimeoutMs = 60_000,
}: HarnessOptions) => {
  const issuerKeys = pair()
  const client = pair()
  const decider = testDecider()
  const recorder = testRecorder()
  const revocations = testRevocations()
  const entries = new Map<string, ServerEntry>()
  let base = ''
  const gateway = createGateway({
    callTimeoutMs,
    directory: { find: (name) => entries.get(name), list: () => [...entries.values()] },
    upstreams: {
      of: (entry) =>
        upstreams[entry.name] === undefined ? undefined : { shared, make: upstreams[entry.name] as MakeUpstream },
    },
    guard: {
      issuers: [{ issuer: 'https://as.example', keys: staticKeys({ k1: issuerKeys.publicKey }), domain: DOMAIN }],
      once: createMemoryOnce({ clock: nodeClock }),
      fence: false,
      decider,
      recorder,
      revocations,
    },
    clock: nodeClock,
    random: nodeRandom,
    origins: {
      get hosts() {
        return [base.slice('http://'.length)]
      },
      origins: [],
    },
  })
  const server = createHttpServer({
    routes: gateway.routes,
    log: silentLogger,
    clock: nodeClock,
    random: nodeRandom,
    onServed: gateway.onServed,
  })
  const { port } = (await server.listen(0, '127.0.0.1')) as AddressInfo
  base = `http://127.0.0.1:${port}`
  for (const name of Object.keys(upstreams)) {
    entries.set(name, { name, resource: `${base}/mcp/${name}`, labelsOf: (tool) => labels[tool] ?? {} })
  }

  const token = (name: string, claims: Record<string, unknown> = {}): string => {
    const iat = Math.floor(Date.now() / 1000)
    return signRaw(
      issuerKeys.privateKey,
      { alg: 'ES256', typ: 'at+jwt', kid: 'k1' },
      {
        iss: 'https://as.example',
        sub: 'usr_1',
        aud: `${base}/mcp/${name}`,
        client_id: AGENT,
        jti: newId('jti', nodeRandom),
        iat,
        exp: iat + 300,
        cnf: { jkt: jktOf(client.publicKey) },
        act: { iss: 'https://as.example', sub: `spiffe://as.example/agent/${AGENT}` },
        credence: { dom: DOMAIN, feed: 1, epoch: 0, agt: AGENT },
        ...claims,
      },
    )
  }
  /** A `fetch` that proves possession, for a client library or for raw requests. */
  const authorized =
    (held: string) =>
    (url: string | URL, init: RequestInit = {}): Promise<Response> => {
      const headers = new Headers(init.headers as Record<string, string>)
      headers.set('authorization', `DPoP ${held}`)
      headers.set('dpop', proofBy(client, Date.now, { method: init.method ?? 'GET', url: String(url), token: held }))
      return fetch(url, { ...init, headers: Object.fromEntries(headers) })
    }
  return {
    base,
    client,
    decider,
    recorder,
    revocations,
    token,
    authorized,
    urlOf: (name: string) => `${base}/mcp/${name}`,
    close: async () => {
      await server.close(100)
      await gateway.close()
    },
  }
}
export type Harness = Awaited<ReturnType<typeof startHarness>>
