/** `credence up` as a decision point for others: the same policies as two tenants, one open, one behind the door. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOperator } from '@credence/authority'
import { loadSettings, startUp } from '@credence/cli'
import { silentLogger } from '@credence/kit/telemetry'
import type { Client } from '../load/requests.ts'
import { cedarFolder } from './tool-world.ts'

export interface Ready {
  readonly issuer: string
  readonly port: number
  readonly operator: Client
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

const dataDir = mkdtempSync(join(tmpdir(), 'credence-bench-'))
const folder = mkdtempSync(join(tmpdir(), 'credence-bench-'))
process.on('exit', () => {
  for (const one of [dataDir, folder]) rmSync(one, { recursive: true, force: true })
})

/** Whoever asks too often is refused where nobody is authenticated; not here. */
const perSecond = 1_000_000_000

const main = async (): Promise<Ready> => {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(cedarFolder())) writeFileSync(join(folder, name), text)
  const port = await freePort()
  const gatewayPort = await freePort()
  const { settings } = loadSettings({
    flags: {
      issuer: `http://127.0.0.1:${port}`,
      'gateway-url': `http://127.0.0.1:${gatewayPort}`,
      'data-dir': dataDir,
    },
    env: {},
  })
  const tenants = { open: { folder, open: true, perSecond }, closed: { folder, open: false, perSecond } }
  const { authority } = await startUp({ ...settings, tenants }, silentLogger)
  const operator = readOperator(dataDir)
  if (operator === undefined) throw new Error('no operator')
  return {
    issuer: authority.url,
    port,
    operator: { clientId: operator.clientId, jwk: { ...operator.privateJwk } },
  }
}

main().then(
  (ready) => process.send?.({ ready }),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
