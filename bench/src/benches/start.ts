/** From spawning `credence up` to the first token in hand, on a fresh and on an existing data directory. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readOperator } from '@credence/authority'
import { type Figure, figure } from '../figure.ts'
import { accessToken } from '../load/requests.ts'
import { fileOf, start as startProcess } from '../measure/processes.ts'
import { median } from '../measure/rounds.ts'
import type { Bench } from './bench.ts'

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })

const firstToken = async (dataDir: string, issuer: string): Promise<void> => {
  for (;;) {
    try {
      const file = readOperator(dataDir)
      if (file === undefined) throw new Error('not yet')
      const client = { clientId: file.clientId, jwk: file.privateJwk }
      await accessToken({ kind: 'token', issuer, client, resource: `${issuer}/v1`, nonces: true })
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const once = async (dataDir: string, ports: readonly [number, number]): Promise<number> => {
  const [port, gateway] = ports
  const issuer = `http://127.0.0.1:${port}`
  const settings = ['--issuer', issuer, '--gateway-url', `http://127.0.0.1:${gateway}`, '--data-dir', dataDir]
  const started = performance.now()
  const server = await startProcess<undefined>(fileOf('../../packages/cli/src/main.ts'), {
    foreign: true,
    core: 'any',
    args: ['up', ...settings],
  })
  await firstToken(dataDir, issuer)
  const ms = performance.now() - started
  await server.stop()
  return ms
}

export const start: Bench = async ({ quick, say, note }): Promise<readonly Figure[]> => {
  say('start to first token: fresh and existing data directory')
  const fresh: number[] = []
  const existing: number[] = []
  // The first start after a change of the source compiles everything: that is installation, and is not counted.
  for (let round = -1; round < (quick ? 1 : 5); round += 1) {
    const dataDir = mkdtempSync(join(tmpdir(), 'credence-bench-'))
    const ports = [await freePort(), await freePort()] as const
    const first = await once(dataDir, ports)
    if (round >= 0) {
      fresh.push(first)
      existing.push(await once(dataDir, ports))
    }
    rmSync(dataDir, { recursive: true, force: true })
  }
  note(`Start to first token: fresh ${Math.round(median(fresh))} ms, existing ${Math.round(median(existing))} ms`)
  return [figure('start.first_token_ms', Math.max(median(fresh), median(existing)), 'ms', { most: 1_000 })]
}
