/** A database of the first released schema, with the data of that day, under the program of today. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Database, type Migration, migrate, openPostgres, openSqlite } from '@credence/db'
import { newId, toBase64url } from '@credence/kit'
import { nodeKeys, nodeRandom } from '@credence/kit/node'
import { openLedger, verifyLedger } from '@credence/ledger'
import type { CallerFacts } from '@credence/model'
import type { AuthorityConfig } from './config.ts'
import { refreshHash } from './issuance/grants/refresh-token.ts'
import { makeSealer } from './keys/seal.ts'
import { exportLedger } from './ledger/export.ts'
import { migrations } from './migrations.ts'
import { claimsOf, FILES } from './testing/seed.ts'
import { asOperator, freePort, getToken, newAgentKey, openWorld, type TestAgent, type World } from './testing/world.ts'

/** Statement by statement as it was released. Never edited: what is new is added to the list of migrations. */
const firstSchema = JSON.parse(
  readFileSync(new URL('./testing/first-schema.json', import.meta.url), 'utf8'),
) as readonly Migration[]

interface Old {
  readonly agent: TestAgent
  readonly refresh: string
  readonly suspended: string
}

/** What an authority of the first release leaves behind: rows as it wrote them. */
const fill = async (db: Database, issuer: string): Promise<Old> => {
  await migrate(db, firstSchema)
  const now = Date.now()
  const [domain, owner] = [newId('dom', nodeRandom), newId('own', nodeRandom)]
  const { key, jwk, jkt } = newAgentKey()
  const [agent, suspended, grant, person] = [
    newId('agt', nodeRandom),
    newId('agt', nodeRandom),
    newId('grt', nodeRandom),
    newId('usr', nodeRandom),
  ]
  const refresh = `crt_${toBase64url(nodeRandom.bytes(32))}`
  const tools = ['read_file']
  const details = JSON.stringify([{ type: 'mcp_tools', locations: [FILES], tools }])
  const server = {
    id: newId('srv', nodeRandom),
    name: 'files',
    kind: 'stdio',
    resource: FILES,
    labels: {},
    created: now,
  }
  const insert = (table: string, row: Record<string, string | number | null>) => ({
    sql: `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
      .map(() => '?')
      .join(', ')})`,
    parameters: Object.values(row),
  })
  const agentRow = (id: string, status: string) =>
    insert('agents', {
      ...{ domain, id, name: 'old', owner, spiffe_id: `spiffe://example.test/agent/${id}`, status, version: 3 },
      ...{
        role: 'agent',
        redirect_uris: '[]',
        jwks: JSON.stringify([{ ...jwk, kid: jkt }]),
        created: now,
        changed: now,
      },
      grant_types: '["client_credentials","authorization_code","refresh_token"]',
    })
  await db.atomically([
    insert('domains', { domain, single: 1, issuer, trust_domain: 'example.test', epoch: 4, created: now }),
    insert('owners', { domain, id: owner, name: 'team', kind: 'team', person: null, created: now }),
    agentRow(agent, 'active'),
    agentRow(suspended, 'suspended'),
    insert('registries', {
      domain,
      number: 1,
      body: JSON.stringify({ v: 1, number: 1, servers: [server], bearer: [] }),
    }),
    insert('people', { domain, person_id: person, name: 'Ada', role: 'owner', status: 'active', created_at: now }),
    insert('grants', {
      ...{ domain, id: grant, subject_iss: issuer, subject_sub: person, client: agent, agent, resource: FILES },
      ...{ scope: 'mcp:tools', details, status: 'active', session: null, evidence: 'e', created: now },
      expires: now + 86_400_000,
    }),
    insert('refresh_tokens', {
      ...{ domain, hash: refreshHash(refresh), family: 'rfm_x', grant_id: grant, client: agent, jkt, resource: FILES },
      ...{ scope: 'mcp:tools', details, issued: now, expires: now + 86_400_000, used: null, intent: 'rec_x' },
    }),
    insert('feed_head', { domain, number: 1 }),
    insert('feed', { domain, number: 1, at: now, kind: 'agent', body: JSON.stringify({ agent, status: 'active' }) }),
  ])
  return { agent: { clientId: agent, key, jkt }, refresh, suspended }
}

const works = async (
  config: Partial<AuthorityConfig>,
  issuer: string,
  port: number,
  old: Old,
  also: (world: World) => Promise<void> = async () => undefined,
): Promise<void> => {
  const world = await openWorld({ config: { ...config, issuer, listen: { host: '127.0.0.1', port } } })
  try {
    const { db, domain } = world.authority.embedded
    assert.equal(domain.epoch, 4)
    const [{ n } = { n: 0 }] = await db.read({ sql: 'SELECT count(*) AS n FROM schema_migrations', parameters: [] })
    assert.equal(Number(n), migrations.length)
    assert.equal((await getToken(issuer, old.agent, { form: { resource: FILES } })).status, 200)
    const refreshed = await getToken(issuer, old.agent, {
      form: { grant_type: 'refresh_token', refresh_token: old.refresh },
    })
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body))
    assert.ok((claimsOf(refreshed.body.access_token).credence as { feed: number }).feed >= 1, 'the feed goes on')
    assert.equal((await getToken(issuer, { ...old.agent, clientId: old.suspended })).body.error, 'invalid_client')
    const operator = await asOperator(world)
    const groups = async () => (await operator.call('GET', `/v1/agents/${old.agent.clientId}`)).body.groups
    assert.deepEqual(await groups(), [], 'who was registered before there were groups is in none')
    const said = await operator.call('PUT', `/v1/agents/${old.agent.clientId}/groups`, { groups: ['staff'] })
    assert.equal(said.status, 200)
    assert.deepEqual(await groups(), ['staff'])
    const { tasks } = world.authority.embedded
    const itself = { clientId: old.agent.clientId } as CallerFacts
    assert.equal(tasks.untrusted(itself), false, 'nothing was read before there were marks')
    await tasks.mark(itself)
    assert.equal(tasks.untrusted(itself), true)
    assert.equal((await operator.call('POST', `/v1/agents/${old.agent.clientId}/suspend`)).status, 200)
    assert.equal((await fetch(`${issuer}/readyz`)).status, 200)
    await also(world)
  } finally {
    await world.close()
  }
}

test('what was released is not edited: new statements are new migrations', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(migrations.slice(0, firstSchema.length))), firstSchema)
})

test('SQLite: from the first release to today, with everything that was in it', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'credence-upgrade-'))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const db = await openSqlite({ file: join(dataDir, 'credence.db') })
  const old = await fill(db, issuer)
  await db.close()
  await works({ dataDir }, issuer, port, old)
})

const url = process.env.CREDENCE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test'
const available = await new Promise<boolean>((resolve) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port || 5432), hostname)
  socket.once('connect', () => resolve(socket.end() && true)).once('error', () => resolve(false))
})
if (!available && process.env.CI === 'true') throw new Error('PostgreSQL is not reachable; CI must have one')

/** The first releases kept the ledger of a domain on PostgreSQL in files of one node. */
const ledgerInFiles = async (db: Database, dataDir: string, issuer: string, kek: Uint8Array): Promise<string> => {
  const { privateKey } = nodeKeys.ed25519()
  const [domain] = await db.read({ sql: 'SELECT domain FROM domains', parameters: [] })
  const id = String(domain?.domain)
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  const sealed = makeSealer(kek, nodeRandom).seal(pkcs8, id, 'secret:ledger_ed25519')
  const insert = 'INSERT INTO secrets (domain, name, sealed, created) VALUES (?, ?, ?, ?)'
  await db.atomically([{ sql: insert, parameters: [id, 'ledger_ed25519', sealed, 1] }])
  const log = await openLedger({
    dir: join(dataDir, 'ledger'),
    origin: issuer.slice('http://'.length),
    signer: privateKey,
  })
  await Promise.all(Array.from({ length: 300 }, (_, n) => log.append(Buffer.from(`record ${n}`))))
  await log.close()
  return log.checkpoint()
}

test('PostgreSQL: the same, and the ledger that was in files is in the database', {
  skip: available ? false : `no PostgreSQL at ${url}`,
}, async () => {
  const schema = `upgrade_${toBase64url(nodeRandom.bytes(6))
    .replace(/[^A-Za-z0-9]/g, 'x')
    .toLowerCase()}`
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const db = await openPostgres({ url, schema })
  try {
    const old = await fill(db, issuer)
    const dataDir = mkdtempSync(join(tmpdir(), 'credence-upgrade-'))
    const kek = nodeRandom.bytes(32)
    const before = await ledgerInFiles(db, dataDir, issuer, kek)
    const config = {
      dataDir,
      keyEncryptionKey: toBase64url(kek),
      database: { engine: 'postgres', url, schema } as const,
    }
    await works(config, issuer, port, old, async ({ authority }) => {
      const { ledger } = authority.embedded
      assert.equal(Buffer.from(await ledger.entry(299)).toString(), 'record 299')
      assert.ok(ledger.size() > 300)
      await exportLedger(db, join(dataDir, 'copy'), { key: ledger.verifierKey })
      const verdict = await verifyLedger(join(dataDir, 'copy'), ledger.verifierKey, { against: [before] })
      assert.equal(verdict.sound, true, JSON.stringify(verdict))
    })
  } finally {
    await db.atomically([{ sql: `DROP SCHEMA "${schema}" CASCADE`, parameters: [] }])
    await db.close()
  }
})
