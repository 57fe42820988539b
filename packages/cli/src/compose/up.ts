/**
 * The composition root of one machine: authority and gateway in one process, the decider, the recorder, the
 * revocations and the one-time uses being the same objects on both sides.
 */
import {
  type Authority,
  type AuthorityConfig,
  createMappedDecider,
  startAuthority,
  whenFresh,
} from '@credence/authority'
import { createGateway, type Gateway, type Isolation } from '@credence/gateway'
import type { Decider } from '@credence/guard'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import type { Logger } from '@credence/kit/telemetry'
import { verifierKeyFile, writePublic } from '../private-files.ts'
import type { Settings } from '../settings.ts'
import { type RemoteDecisions, remoteDecisions } from './decision-point.ts'
import {
  cannotListen,
  decisionCallersOf,
  gatewayListener,
  hostLog,
  listen,
  portOf,
  requireHttps,
  tlsOf,
} from './host.ts'
import { type ProofMemory, rememberProofs } from './proofs.ts'
import { createLiveDirectory, createUpstreams, type LiveDirectory, type Upstreams } from './servers.ts'
import { tenantsOf } from './tenants.ts'
import { createToolTeller } from './tools.ts'
import { witnessesOf } from './witnesses.ts'

export interface Up {
  readonly authority: Authority
  readonly settings: Settings
  readonly gatewayPort: number
  readonly isolation: () => Isolation
  close(): Promise<void>
}

export const authorityConfig = (settings: Settings): AuthorityConfig => ({
  issuer: settings.issuer,
  listen: { host: settings.listenHost, port: portOf(settings.issuer, settings.listenPort) },
  dataDir: settings.dataDir,
  trustDomain: settings.trustDomain ?? new URL(settings.issuer).hostname,
  database:
    settings.databaseUrl === undefined
      ? { engine: 'sqlite' }
      : {
          engine: 'postgres',
          url: settings.databaseUrl,
          ...(settings.databaseSchema === undefined ? {} : { schema: settings.databaseSchema }),
        },
  gatewayUrl: settings.gatewayUrl,
  clockSkewSeconds: settings.clockSkewSeconds,
  ...(settings.keyEncryptionKey === undefined ? {} : { keyEncryptionKey: settings.keyEncryptionKey }),
  cimd: { enabled: settings.clientIdMetadata, privateHosts: settings.allowPrivate },
  dynamicRegistration: settings.dynamicRegistration,
  upstreams: settings.upstreams.map(({ clientSecret, ...provider }) => ({
    ...provider,
    ...(clientSecret === undefined ? {} : { clientSecret }),
  })),
  dpopNonce: 'required',
  shadowCheck: settings.shadowCheck,
  ...witnessesOf(settings),
  ...tlsOf(settings),
  decisionCallers: decisionCallersOf(settings),
  trustedProxies: settings.trustedProxies,
})

export const originRules = (settings: Settings) => ({
  hosts: [new URL(settings.gatewayUrl).host],
  origins: settings.allowedOrigins,
})

const embeddedGateway = (
  settings: Settings,
  { embedded }: Authority,
  directory: LiveDirectory,
  upstreams: Upstreams,
  { decider, ...proofs }: ProofMemory & { readonly decider: Decider },
): Gateway => {
  const { domain, signingKeys } = embedded
  return createGateway({
    directory,
    upstreams,
    guard: {
      issuers: [
        {
          issuer: domain.issuer,
          keys: { key: (kid) => signingKeys.find(kid)?.publicKey },
          domain: domain.id,
          epoch: () => domain.epoch,
        },
      ],
      ...proofs,
      decider,
      recorder: embedded.recorder,
      revocations: embedded.revocations,
      tasks: embedded.tasks,
      bearer: directory.bearer,
      skewSeconds: settings.clockSkewSeconds,
    },
    clock: nodeClock,
    random: nodeRandom,
    origins: originRules(settings),
  })
}

/** Gateways in processes of their own share the database, and with it what they have seen; who is alone remembers. */
const proofsOf = ({ databaseUrl }: Settings, { embedded }: Authority): ProofMemory =>
  databaseUrl === undefined ? rememberProofs(nodeClock) : { once: embedded.once, fence: false }

export const openAuthority = async (settings: Settings, log: Logger) => {
  const config = { ...authorityConfig(settings), tenants: await tenantsOf(settings) }
  const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: settings.allowPrivate })
  const deps = { clock: nodeClock, random: nodeRandom, keys: nodeKeys, log, fetch }
  try {
    return { fetch, authority: await startAuthority(config, deps) }
  } catch (error) {
    await fetch.close()
    throw cannotListen(error, config.listen.port)
  }
}

export const startUp = async (settings: Settings, log: Logger = hostLog(settings)): Promise<Up> => {
  requireHttps(settings.issuer, 'issuer')
  requireHttps(settings.gatewayUrl, 'gatewayUrl')
  const remote = await remoteDecisions(settings, log)
  try {
    return await startWith(remote, settings, log)
  } catch (error) {
    await remote.close()
    throw error
  }
}

const startWith = async (remote: RemoteDecisions, settings: Settings, log: Logger): Promise<Up> => {
  const { authority, fetch } = await openAuthority(settings, log)
  const { embedded } = authority
  writePublic(verifierKeyFile(settings.dataDir), `${embedded.ledger.verifierKey}\n`)
  const directory = createLiveDirectory()
  directory.update(embedded.registry())
  const mapped = createMappedDecider({
    ...embedded,
    registry: embedded.view,
    issuer: settings.issuer,
    clock: nodeClock,
    find: directory.mapping,
  })
  const own = whenFresh(mapped, embedded.decider, embedded.revocations, embedded.tasks)
  const decider = remote.around(own, directory.mapping)
  const rules = { stdio: stdioOf(settings), allowPrivate: settings.allowPrivate, hidden: [settings.dataDir] }
  const upstreams = createUpstreams(directory, rules, { clock: nodeClock, log })
  const gateway = embeddedGateway(settings, authority, directory, upstreams, {
    ...proofsOf(settings, authority),
    decider,
  })
  const server = gatewayListener(settings, gateway, log, embedded.tracing)
  const teller = createToolTeller({ directory, upstreams, tell: embedded.tellTools, log })
  const close = async (): Promise<void> => {
    await teller.close()
    await server.close(2_000)
    await gateway.close()
    await authority.close()
    await fetch.close()
    await remote.close()
  }
  try {
    const gatewayPort = await listen(server, portOf(settings.gatewayUrl, settings.gatewayPort), settings.gatewayHost)
    embedded.onRegistry((registry) => {
      directory.update(registry)
      teller.look()
    })
    teller.look()
    return { authority, settings, gatewayPort, isolation: upstreams.isolation, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Absent members stay absent. */
export const stdioOf = ({ stdio }: Settings): Parameters<typeof createUpstreams>[1]['stdio'] =>
  JSON.parse(JSON.stringify(stdio)) as Parameters<typeof createUpstreams>[1]['stdio']
