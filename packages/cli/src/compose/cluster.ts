/**
 * A cluster on one machine, to try one: two authorities and three gateways, each a process with a data directory of its
 * own, on one PostgreSQL, behind one listener for each of the two public names.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { operatorPath } from '@credence/authority/operator'
import { refused } from '@credence/kit'
import { identityFolder } from '../identities.ts'
import { writePrivately } from '../private-files.ts'
import type { Settings } from '../settings.ts'
import { type Spread, spread } from './front.ts'
import { portOf } from './host.ts'
import { type Process, startProcess } from './processes.ts'

const GATEWAYS = 3

export interface Cluster {
  readonly nodes: readonly { readonly name: string; readonly pid: number; readonly port: number }[]
  readonly setupLinkFile: string | undefined
  close(): Promise<void>
}

type Tell = (line: string) => void

const portOfNode = ({ ready }: Process): number => Number(ready.port)

/** The settings of this host for its processes; who has which data directory and port, flags say. */
const shareSettings = (settings: Settings): string => {
  const { dataDir, listenPort: _, gatewayPort: __, keyEncryptionKey: ___, ...shared } = settings
  const file = join(dataDir, 'cluster.json')
  // INVARIANT: it holds the password of the database, so nobody else reads it.
  writePrivately(file, `${JSON.stringify(shared, null, 2)}\n`)
  return file
}

/** The first makes what a domain has; the second gets its key-encryption key and its operator. */
const startAuthorities = async (settings: Settings, config: string, tell: Tell, started: Process[]): Promise<void> => {
  const { dataDir, keyEncryptionKey } = settings
  const key = keyEncryptionKey === undefined ? {} : { CREDENCE_KEY_ENCRYPTION_KEY: keyEncryptionKey }
  const start = async (name: string, dir: string, env: Record<string, string>): Promise<void> => {
    const argv = ['authority', '--config', config, '--data-dir', dir, '--listen-port', '0']
    started.push(await startProcess(name, argv, env, tell))
  }
  await start('authority-1', dataDir, key)
  const second = join(dataDir, 'authority-2')
  mkdirSync(second, { recursive: true, mode: 0o700 })
  if (!existsSync(operatorPath(second))) copyFileSync(operatorPath(dataDir), operatorPath(second))
  const kek = keyEncryptionKey ?? readFileSync(join(dataDir, 'kek'), 'utf8').trim()
  await start('authority-2', second, { CREDENCE_KEY_ENCRYPTION_KEY: kek })
}

const nodeIdentity = async (dataDir: string, name: string): Promise<string> => {
  const folder = identityFolder(dataDir, name)
  if (existsSync(join(folder, 'agent.json'))) return folder
  const { run } = await import('../run.ts')
  const said: string[] = []
  const argv = ['agent', 'add', name, '--node', '--data-dir', dataDir]
  const code = await run(argv, { out: () => undefined, err: (line) => said.push(line) })
  if (code !== 0) throw refused('node_not_added', `The node ${name} could not be added: ${said.join(' ')}`)
  return folder
}

const startGateways = async (settings: Settings, config: string, tell: Tell, started: Process[]): Promise<void> => {
  const { dataDir } = settings
  for (let number = 1; number <= GATEWAYS; number += 1) {
    const name = `gateway-${number}`
    const identity = await nodeIdentity(dataDir, name)
    // NOTE: a gateway writes nothing there. It hides its data directory from the servers it starts, so it is all of it.
    const flags = ['--config', config, '--data-dir', dataDir, '--identity', identity, '--gateway-port', '0']
    started.push(await startProcess(name, ['gateway', ...flags], {}, tell))
  }
}

export const startCluster = async (settings: Settings, tell: Tell): Promise<Cluster> => {
  if (settings.databaseUrl === undefined) {
    throw refused(
      'database_needed',
      'A cluster needs PostgreSQL: name it with --database-url, for example postgres://credence@127.0.0.1:5432/credence.',
    )
  }
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
  const config = shareSettings(settings)
  const authorities: Process[] = []
  const gateways: Process[] = []
  const fronts: { issuer?: Spread; gateway?: Spread } = {}
  /** What gateways have still to record goes through the front of the authorities. */
  const close = async (): Promise<void> => {
    await fronts.gateway?.close()
    await Promise.all(gateways.map((one) => one.stop()))
    await fronts.issuer?.close()
    await Promise.all(authorities.map((one) => one.stop()))
  }
  try {
    await startAuthorities(settings, config, tell, authorities)
    const { issuer, listenPort, listenHost, gatewayUrl, gatewayPort, gatewayHost } = settings
    fronts.issuer = await spread(authorities.map(portOfNode), portOf(issuer, listenPort), listenHost)
    await startGateways(settings, config, tell, gateways)
    fronts.gateway = await spread(gateways.map(portOfNode), portOf(gatewayUrl, gatewayPort), gatewayHost)
  } catch (error) {
    await close()
    throw error
  }
  const link = authorities.at(-1)?.ready.setupLinkFile
  return {
    nodes: [...authorities, ...gateways].map((one) => ({ name: one.name, pid: one.pid, port: portOfNode(one) })),
    setupLinkFile: typeof link === 'string' ? link : undefined,
    close,
  }
}
