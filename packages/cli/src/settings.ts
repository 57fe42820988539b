/** Every setting of a host, read from flags, environment and `credence.json`; what weakens the product is explained. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Config, type ConfigDefinition, loadConfig, type Unsafe } from '@credence/kit/config'
import { z } from 'zod'

const url = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !text.endsWith('/') && URL.parse(text)?.search === '', 'no slash at the end, no query')
const port = z.int().min(0).max(65_535)

const Stdio = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().optional(),
  network: z.enum(['none', 'host']).optional(),
  read: z.array(z.string()).optional(),
  write: z.array(z.string()).optional(),
  shared: z.boolean().optional(),
})

/** A decision point of its own at `<issuer>/<name>`: a folder of policies, and `entities.json`. */
const Tenant = z.strictObject({
  folder: z.string().min(1),
  open: z.boolean().optional(),
  /** Requests a second that one address may make without a token. */
  perSecond: z.number().min(0.1).max(1_000_000).optional(),
})

const FromFile = z.strictObject({
  type: z.literal('header'),
  /** The whole value of the header field, in a file that only this host reads. */
  file: z.string().min(1),
  name: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/)
    .optional(),
})

/** An agent of the domain whose decision point it is: tokens bound to its key. */
const AsAgent = z.strictObject({ type: z.literal('agent'), identity: z.string().min(1) })

/** An enforcement point that asks with a client certificate: known by its hash, or by an authority and a name. */
const DecisionCaller = z.union([
  z.strictObject({
    agent: z.string().regex(/^agt_[\w-]+$/),
    thumbprint: z.string().regex(/^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, 'the SHA-256 of the certificate in hex'),
  }),
  z.strictObject({
    agent: z.string().regex(/^agt_[\w-]+$/),
    ca: z.string().min(1),
    san: z.string().regex(/^(?:DNS:[a-z0-9.-]+|URI:[\x21\x23-\x2b\x2d-\x7e]+)$/, 'DNS:name or URI:name'),
  }),
])

/** Files of PEM: the connection says who we are. */
const AsCertificate = z.strictObject({
  type: z.literal('certificate'),
  cert: z.string().min(1),
  key: z.string().min(1),
})

/** Somebody else's AuthZEN decision point, for what goes through the gateway. */
const DecisionPoint = z.strictObject({
  url: url,
  mode: z.enum(['instead', 'beside']),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/)
    .optional(),
  /** The evaluation endpoint itself, for a decision point without metadata. */
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  timeoutMs: z.int().min(10).max(30_000).optional(),
  perMinute: z.int().min(1).max(100_000_000).optional(),
  ca: z.string().min(1).optional(),
  credentials: z.discriminatedUnion('type', [FromFile, AsAgent, AsCertificate]).optional(),
})

const Upstream = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/),
  name: z.string().min(1).max(80),
  issuer: z.url(),
  clientId: z.string().min(1),
  clientSecret: z.string().optional(),
})

const shape = {
  issuer: url.default('http://localhost:7420'),
  listenHost: z.string().default('127.0.0.1'),
  listenPort: port.optional(),
  gatewayUrl: url.default('http://localhost:7421'),
  gatewayHost: z.string().default('127.0.0.1'),
  gatewayPort: port.optional(),
  dataDir: z.string().min(1),
  trustDomain: z.string().min(1).optional(),
  tlsCert: z.string().optional(),
  tlsKey: z.string().optional(),
  trustedProxies: z.array(z.string()).default([]),
  clockSkewSeconds: z.int().min(0).max(300).default(5),
  stdio: z.record(z.string(), Stdio).default({}),
  allowPrivate: z.array(z.string()).default([]),
  allowedOrigins: z.array(z.string()).default([]),
  upstreams: z.array(Upstream).default([]),
  databaseUrl: z.string().optional(),
  databaseSchema: z.string().optional(),
  keyEncryptionKey: z.string().optional(),
  dynamicRegistration: z.boolean().default(false),
  clientIdMetadata: z.boolean().default(true),
  exampleTenant: z.enum(['off', 'guarded', 'open']).default('off'),
  tenants: z.record(z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/), Tenant).default({}),
  decisionPoint: DecisionPoint.optional(),
  decisionCallers: z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/), DecisionCaller).default({}),
  /** A C2SP tlog-policy file: who cosigns the checkpoints of the ledger, and how many are enough. */
  witnesses: z.string().min(1).optional(),
  shadowCheck: z.int().min(0).max(1_000_000_000).default(1000),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('warn'),
} as const

export type Settings = z.infer<z.ZodObject<typeof shape>>

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

const unencrypted = (setting: string, text: string): Unsafe[] => {
  const { protocol, hostname } = new URL(text)
  return protocol === 'http:' && !isLoopback(hostname)
    ? [{ setting, why: `${text} is not https: whoever is on the way reads and changes everything.` }]
    : []
}

const openListener = (settings: Settings, setting: 'listenHost' | 'gatewayHost'): Unsafe[] =>
  isLoopback(settings[setting]) || settings.tlsCert !== undefined || settings.trustedProxies.length > 0
    ? []
    : [
        {
          setting,
          why: `${settings[setting]} can be reached from other machines, without TLS and without a proxy that has it.`,
        },
      ]

const openTenants = ({ exampleTenant, tenants }: Settings): Unsafe[] => {
  const why = (name: string): string =>
    `Whoever reaches the issuer may ask the decision point "${name}" anything, search in it and list its people, without a token.`
  return [
    ...(exampleTenant === 'open' ? [{ setting: 'exampleTenant', why: why('example') }] : []),
    ...Object.entries(tenants)
      .filter(([, { open }]) => open === true)
      .map(([name]) => ({ setting: `tenants.${name}.open`, why: why(name) })),
  ]
}

const foreignDecisions = ({ decisionPoint }: Settings): Unsafe[] =>
  decisionPoint?.mode === 'instead'
    ? [
        {
          setting: 'decisionPoint.mode',
          why: `${decisionPoint.url} decides alone on what goes through the gateway: the policies of this domain are not asked about it.`,
        },
      ]
    : []

const unsafe = (settings: Settings): readonly Unsafe[] => [
  ...unencrypted('issuer', settings.issuer),
  ...unencrypted('gatewayUrl', settings.gatewayUrl),
  ...openListener(settings, 'listenHost'),
  ...openListener(settings, 'gatewayHost'),
  ...Object.entries(settings.stdio)
    .filter(([, { network }]) => network === 'host')
    .map(([name]) => ({
      setting: `stdio.${name}.network`,
      why: `The server "${name}" may use the network, so it can send away what it is given.`,
    })),
  ...Object.entries(settings.stdio)
    .filter(([, { shared }]) => shared === true)
    .map(([name]) => ({
      setting: `stdio.${name}.shared`,
      why: `All subjects share one process of the server "${name}".`,
    })),
  ...openTenants(settings),
  ...foreignDecisions(settings),
  ...(settings.dynamicRegistration
    ? [{ setting: 'dynamicRegistration', why: 'Programs can register themselves as clients.' }]
    : []),
  ...(settings.clockSkewSeconds > 60
    ? [{ setting: 'clockSkewSeconds', why: 'Expired tokens and old proofs are accepted for longer than a minute.' }]
    : []),
  ...(settings.allowPrivate.length > 0
    ? [
        {
          setting: 'allowPrivate',
          why: `Servers may be reached on the private addresses ${settings.allowPrivate.join(', ')}.`,
        },
      ]
    : []),
]

const definition: ConfigDefinition<typeof shape> = {
  shape,
  envPrefix: 'CREDENCE_',
  secret: ['databaseUrl', 'keyEncryptionKey', 'upstreams'],
  ignoreEnv: ['CREDENCE_TEST_POSTGRES', 'CREDENCE_TEST_CHROMIUM', 'CREDENCE_TEST_SCREENSHOTS', 'CREDENCE_CONFIG'],
  unsafe,
}

/** Flags that carry a setting; `node:util` parses them as texts. */
export const settingFlags: readonly string[] = Object.keys(shape).map((name) =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
)

export interface SettingSources {
  /** Flags by their written name, without dashes. */
  readonly flags: Readonly<Record<string, string>>
  /** `--config`. */
  readonly file?: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const configFile = (sources: SettingSources, dataDir: string): { path: string; text: string } | undefined => {
  const named = sources.file ?? sources.env.CREDENCE_CONFIG
  const path = resolve(named ?? join(dataDir, 'credence.json'))
  if (named === undefined && !existsSync(path)) return undefined
  return { path, text: readFileSync(path, 'utf8') }
}

/** Throws `config_invalid` with every problem in words. */
export const loadSettings = (sources: SettingSources): Config<Settings> => {
  const dataDir = resolve(sources.flags['data-dir'] ?? sources.env.CREDENCE_DATA_DIR ?? join(homedir(), '.credence'))
  const file = configFile(sources, dataDir)
  const argv = Object.entries(sources.flags).map(([name, value]) => `--${name}=${value}`)
  const loaded = loadConfig(definition, {
    env: { CREDENCE_DATA_DIR: dataDir, ...sources.env },
    argv,
    ...(file === undefined ? {} : { file }),
  })
  return { ...loaded, settings: { ...loaded.settings, dataDir: resolve(loaded.settings.dataDir) } }
}
