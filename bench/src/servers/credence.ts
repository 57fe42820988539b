/** `credence up` with one agent and one or two servers registered: authority and gateway in one process, everything on. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readOperator } from '@credence/authority'
import { loadSettings, type Settings, startUp } from '@credence/cli'
import { newId } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import { quickstartPolicies } from '@credence/policy'
import { createProof } from '@credence/protocol/dpop'
import { publicJwkOf, signerOf } from '@credence/protocol/jose'
import { accessToken, type Client } from '../load/requests.ts'
import { BESIDE, onCore } from '../measure/processes.ts'

const [upstream = ''] = process.argv.slice(2)

export interface Ready {
  readonly issuer: string
  readonly port: number
  readonly gatewayPort: number
  readonly http: string
  readonly stdio: string
  readonly client: Client
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

const dataDir = mkdtempSync(join(tmpdir(), 'credence-bench-'))
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }))

const stdioEcho = (): Settings['stdio'][string] => {
  const program = fileURLToPath(new URL('stdio-echo.ts', import.meta.url))
  const [command = '', ...args] = onCore(BESIDE, [process.execPath, program])
  return { command, args, shared: true, read: [fileURLToPath(new URL('../../..', import.meta.url))] }
}

const settingsOf = (port: number, gatewayPort: number): Settings => {
  const { settings } = loadSettings({
    flags: {
      issuer: `http://127.0.0.1:${port}`,
      'gateway-url': `http://127.0.0.1:${gatewayPort}`,
      'data-dir': dataDir,
    },
    env: {},
  })
  return { ...settings, allowPrivate: ['127.0.0.1'], stdio: { stdio: stdioEcho() } }
}

/** As the CLI does it: with the operator's key, through the public interface. */
const asOperator = async (issuer: string) => {
  const file = readOperator(dataDir)
  if (file === undefined) throw new Error('no operator')
  const client: Client = { clientId: file.clientId, jwk: file.privateJwk }
  const resource = `${issuer}/v1`
  const token = await accessToken({ kind: 'token', issuer, client, resource, nonces: true, form: { scope: 'admin' } })
  const signer = signerOf(createPrivateKey({ key: file.privateJwk, format: 'jwk' }))
  return async (path: string, body: object, method = 'POST'): Promise<Record<string, unknown>> => {
    const url = `${issuer}${path}`
    const iat = Math.floor(Date.now() / 1000)
    const proof = await createProof({
      signer,
      method,
      url,
      jti: newId('jti', nodeRandom),
      iat,
      accessToken: token,
    })
    const response = await fetch(url, {
      method,
      headers: { authorization: `DPoP ${token}`, dpop: proof, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(JSON.stringify(answer))
    return answer
  }
}

/** The agent acts for itself, and nobody's grant stands behind it: a policy beside the ready-made ones lets it. */
const policies = (agent: string): { readonly files: readonly object[] } => {
  const text = `@id("bench")
permit (principal == Agent::"${agent}", action in [Action::"tools/call", Action::"mcp.list"], resource)
when { context.self && context.proof != "none" };
`
  return { files: [...quickstartPolicies().files, { name: 'bench.cedar', text }] }
}

/** Proofs signed before the start or up to 5 s after it need a nonce at the gateway; the load has none. */
const AFTER_THE_FENCE_MS = 6_000

const main = async (): Promise<Ready> => {
  const port = await freePort()
  const gatewayPort = await freePort()
  const base = `http://127.0.0.1:${gatewayPort}`
  const { authority } = await startUp(settingsOf(port, gatewayPort), silentLogger)
  const fence = new Promise((resolve) => setTimeout(resolve, AFTER_THE_FENCE_MS))
  const admin = await asOperator(authority.url)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const agent = await admin('/v1/agents', { name: 'bench', keys: [publicJwkOf(privateKey)] })
  await admin('/v1/servers', { name: 'echo', kind: 'http', url: `${upstream}/mcp` })
  await admin('/v1/servers', { name: 'stdio', kind: 'stdio' })
  await admin('/v1/policies', policies(String(agent.id)), 'PUT')
  await fence
  return {
    issuer: authority.url,
    port,
    gatewayPort,
    http: `${base}/mcp/echo`,
    stdio: `${base}/mcp/stdio`,
    client: { clientId: String(agent.id), jwk: { ...privateKey.export({ format: 'jwk' }) } },
  }
}

main().then(
  (ready) => process.send?.({ ready }),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
