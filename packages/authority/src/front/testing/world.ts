/** The front half on a real SQLite database, behind a real HTTP server, with small neighbours of our own. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDbOnce, type Database, migrate, onceMigration, openSqlite, type Statement } from '@credence/db'
import { testSchema } from '@credence/db/testing'
import type { NewIntent } from '@credence/guard'
import {
  type TestDecider,
  type TestRecorder,
  type TestRevocations,
  testDecider,
  testRecorder,
  testRevocations,
} from '@credence/guard/testing'
import { newId } from '@credence/kit'
import { createSafeFetch } from '@credence/kit/fetch'
import { createHttpServer } from '@credence/kit/http'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import type { DomainId, GrantId, Party, ToolLabels } from '@credence/model'
import { exportJWK, SignJWT } from 'jose'
import { type ActsDeps, actsOfPeople } from '../../front-ports.ts'
import { createPageBrowser, createSoftwareAuthenticator, type PageBrowser } from '../../people/testing/index.ts'
import type { UpstreamProvider } from '../../people/upstream.ts'
import type { ClientView, NewGrant, ResourceTool, ResourceView } from '../../ports.ts'
import { mustBeOne } from '../../sql.ts'
import { createFront, type Front, type FrontDeps, frontMigrations, type GrantSummary } from '../index.ts'

export const RESOURCE = 'http://localhost:7421/mcp/files'
export const REDIRECT = 'https://agent.example/callback'

const TOOLS: (ResourceTool & { labels?: ToolLabels })[] = [
  { name: 'read_file', title: 'Read a file', description: 'Returns the text of one file.', labels: { effect: 'read' } },
  { name: 'write_file', title: 'Write a file', labels: { effect: 'write' } },
  { name: 'list_directory', description: 'Lists a folder.' },
]

export const filesResource: ResourceView = {
  resource: RESOURCE,
  name: 'files',
  kind: 'stdio',
  tools: TOOLS,
  scopes: ['mcp:tools'],
}

export const freePort = async (): Promise<number> => {
  const { createServer } = await import('node:net')
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

export interface Agent {
  readonly view: ClientView
  assertion(overrides?: {
    aud?: unknown
    jti?: string
    exp?: number
    iss?: string
    sub?: string
    alg?: string
  }): Promise<string>
}

export const createAgent = async (issuer: string, domain: DomainId, name = 'Report writer'): Promise<Agent> => {
  const pair = nodeKeys.es256()
  const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256', use: 'sig', kid: 'k1' }
  const agent = newId('agt', nodeRandom)
  const view: ClientView = {
    clientId: agent,
    kind: 'agent',
    name,
    domain,
    redirectUris: [REDIRECT],
    grantTypes: ['authorization_code', 'refresh_token'],
    authMethod: 'private_key_jwt',
    keys: [jwk as ClientView['keys'][number]],
    agent,
    owner: { id: newId('own', nodeRandom), name: 'Platform team' },
    spiffeId: `spiffe://example.test/agent/${agent}`,
    status: 'active',
    bearerResources: [],
  }
  const assertion: Agent['assertion'] = (o = {}) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(o.iss ?? agent)
      .setSubject(o.sub ?? agent)
      .setAudience((o.aud ?? issuer) as string)
      .setJti(o.jti ?? randomBytes(16).toString('hex'))
      .setIssuedAt()
      .setExpirationTime(o.exp ?? Math.floor(Date.now() / 1000) + 60)
      .sign(pair.privateKey)
  return { view, assertion }
}

export const publicClient = (domain: DomainId, overrides: Partial<ClientView> = {}): ClientView => ({
  clientId: 'https://tools.example/client.json',
  kind: 'cimd',
  name: 'Some editor',
  domain,
  redirectUris: ['http://127.0.0.1/callback'],
  grantTypes: ['authorization_code'],
  authMethod: 'none',
  keys: [],
  status: 'active',
  bearerResources: [],
  ...overrides,
})

export interface World {
  readonly issuer: string
  readonly domain: DomainId
  readonly db: Database
  readonly front: Front
  readonly agent: Agent
  readonly clients: Map<string, ClientView>
  readonly resources: Map<string, ResourceView>
  /** The intents of acts, as they were recorded. */
  readonly acts: readonly NewIntent[]
  readonly recorder: TestRecorder
  readonly decider: TestDecider
  readonly revocations: TestRevocations
  readonly grants: { readonly id: GrantId; readonly grant: NewGrant }[]
  readonly revoked: GrantId[]
  /** Makes the ledger refuse; slows the store; what happens while an act is being recorded. */
  readonly levers: { recorderFails: boolean; latencyMs: number; whileRecording?: () => void }
  browser(): PageBrowser
  /** A browser in which the first owner has just enrolled. */
  owner(): Promise<PageBrowser>
  verifier: string
  parameters(overrides?: Record<string, string | undefined>): Record<string, string>
  par(parameters: Record<string, string>, agent?: Agent): Promise<Response>
  authorizeUrl(parameters: Record<string, string>): string
  /** PAR, then the address to open. */
  pushed(overrides?: Record<string, string | undefined>): Promise<string>
  close(): Promise<void>
}

const slowed = (db: Database, levers: World['levers']): Database => {
  const wait = () =>
    levers.latencyMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, levers.latencyMs))
  return {
    engine: db.engine,
    read: async (statement) => {
      await wait()
      const rows = await db.read(statement)
      await wait()
      return rows as never
    },
    atomically: async (statements) => {
      await wait()
      return db.atomically(statements)
    },
    close: () => db.close(),
  }
}

const GRANTS = `create table test_grants (id text primary key, subject text not null, body text not null, revoked bigint)`

const takeBack = async (world: Pick<World, 'revoked'>, db: Database, id: GrantId): Promise<void> => {
  world.revoked.push(id)
  await db.atomically([{ sql: 'update test_grants set revoked = 1 where id = ?', parameters: [id] }])
}

const neighbours = (world: Pick<World, 'clients' | 'resources' | 'grants' | 'revoked'>, db: Database) => ({
  clients: { find: async (id: string) => world.clients.get(id) },
  resources: { find: async (id: string) => world.resources.get(id), list: async () => [...world.resources.values()] },
  grants: {
    createStatements: (grant: NewGrant): { grantId: GrantId; statements: Statement[] } => {
      const grantId = newId('grt', nodeRandom)
      world.grants.push({ id: grantId, grant })
      const insert = 'insert into test_grants (id, subject, body, revoked) values (?, ?, ?, null)'
      return {
        grantId,
        statements: [mustBeOne('grant_exists', insert, grantId, grant.subject.sub, JSON.stringify(grant))],
      }
    },
    revoke: (id: GrantId) => takeBack(world, db, id),
    takeBack: (id: GrantId) => takeBack(world, db, id),
    listFor: async (subject: Party): Promise<GrantSummary[]> => {
      const rows = await db.read({
        sql: 'select id, body from test_grants where subject = ? and revoked is null',
        parameters: [subject.sub],
      })
      return rows.map((row) => {
        const grant = JSON.parse(String(row.body)) as NewGrant
        return {
          grantId: row.id as GrantId,
          clientId: grant.clientId,
          clientName: world.clients.get(grant.clientId)?.name ?? grant.clientId,
          resource: grant.resource,
          tools: grant.authorizationDetails.flatMap((detail) => detail.tools),
          scope: grant.scope,
          createdAt: grant.expiresAt - 3_600_000,
          expiresAt: grant.expiresAt,
        }
      })
    },
  },
})

/** The pipeline of the authority, with ports that can be told to fail. */
const pipelineDeps = (
  { recorder, decider, revocations, levers }: Pick<World, 'recorder' | 'decider' | 'revocations' | 'levers'>,
  known: Pick<ActsDeps, 'issuer' | 'domain' | 'clock'>,
): ActsDeps => ({
  ...known,
  random: nodeRandom,
  decider,
  recorder: {
    ...recorder,
    intent: (record) => {
      if (levers.recorderFails) throw new Error('ledger is down')
      levers.whileRecording?.()
      return recorder.intent(record)
    },
  },
  outbox: { owe: (record) => ({ id: newId('rec', nodeRandom), record }) },
  revocations: Object.assign(revocations, { number: 0 }),
  joined: async () => undefined,
})

export interface WorldOptions {
  readonly upstreams?: readonly UpstreamProvider[]
  readonly deps?: Partial<FrontDeps>
  readonly host?: string
  readonly engine?: 'sqlite' | 'postgres'
}

export const createWorld = async (options: WorldOptions = {}): Promise<World> => {
  const folder = mkdtempSync(join(tmpdir(), 'credence-front-'))
  const port = await freePort()
  const issuer = `http://${options.host ?? 'localhost'}:${port}`
  const schema = options.engine === 'postgres' ? testSchema() : undefined
  const real = schema === undefined ? await openSqlite({ file: join(folder, 'front.db') }) : await schema.open()
  await migrate(real, [
    onceMigration(1),
    { number: 2, name: 'front', sqlite: [...frontMigrations, GRANTS], postgres: [...frontMigrations, GRANTS] },
  ])
  const domain: DomainId = newId('dom', nodeRandom)
  const agent = await createAgent(issuer, domain)
  const state = {
    clients: new Map([[agent.view.clientId, agent.view]]),
    resources: new Map([[RESOURCE, filesResource]]),
    recorder: testRecorder(),
    decider: testDecider(),
    revocations: testRevocations(),
    grants: [] as { id: GrantId; grant: NewGrant }[],
    revoked: [] as GrantId[],
    levers: { recorderFails: false, latencyMs: 0 } as World['levers'],
  }
  const clock = options.deps?.clock ?? nodeClock
  const db = slowed(real, state.levers)
  const upstreamFetch = createSafeFetch({
    clock: nodeClock,
    allowPrivate: ['localhost', '127.0.0.1'],
    perHostPerMinute: 1000,
  })
  const front = createFront({
    issuer,
    domain,
    domainName: 'Example',
    db,
    once: createDbOnce(db, domain, { clock: nodeClock }),
    clock: nodeClock,
    random: nodeRandom,
    keys: nodeKeys,
    log: silentLogger,
    secrets: [randomBytes(32)],
    upstreams: options.upstreams ?? [],
    upstreamFetch,
    ...neighbours(state, real),
    acts: actsOfPeople(pipelineDeps(state, { issuer, domain, clock })),
    ...options.deps,
  })
  const server = createHttpServer({
    routes: front.routes,
    mounts: [
      {
        name: 'front',
        prefixes: ['/authorize', '/par'],
        handler: async (req, res) => {
          if (!(await front.handle(req, res))) res.writeHead(404).end()
        },
      },
    ],
    log: silentLogger,
    clock: nodeClock,
    random: nodeRandom,
  })
  await server.listen(port, '127.0.0.1')

  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const newBrowser = () =>
    createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
  const parameters: World['parameters'] = (overrides = {}) => {
    const all: Record<string, string | undefined> = {
      client_id: agent.view.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT,
      resource: RESOURCE,
      state: 'st-1',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      authorization_details: JSON.stringify([
        { type: 'mcp_tools', locations: [RESOURCE], tools: ['read_file', 'write_file'] },
      ]),
      ...overrides,
    }
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
  }
  const par: World['par'] = async (fields, by = agent) =>
    fetch(`${issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: fields.client_assertion ?? (await by.assertion()),
        ...fields,
      }).toString(),
    })
  const authorizeUrl: World['authorizeUrl'] = (fields) => `${issuer}/authorize?${new URLSearchParams(fields)}`
  return {
    issuer,
    domain,
    db,
    front,
    agent,
    ...state,
    acts: state.recorder.intents,
    verifier,
    browser: newBrowser,
    owner: async () => {
      const browser = newBrowser()
      const { url } = await front.people.createSetupLink()
      await browser.enrol(url, 'Ada Lovelace')
      return browser
    },
    parameters,
    par,
    authorizeUrl,
    pushed: async (overrides = {}) => {
      const answer = await par(parameters(overrides))
      const body = (await answer.json()) as { request_uri?: string; error_description?: string }
      if (answer.status !== 201) throw new Error(`PAR: ${answer.status} ${JSON.stringify(body)}`)
      return authorizeUrl({ client_id: agent.view.clientId, request_uri: body.request_uri ?? '' })
    },
    close: async () => {
      await server.close(100)
      await (schema ?? real).close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
