import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import { backup, restore } from './backup/backup.ts'
import { ledgerDir, startAuthority } from './index.ts'
import { filesWithLever } from './testing/full-disk.ts'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from './testing/seed.ts'
import {
  askToken,
  asOperator,
  callApi,
  freshNonce,
  getToken,
  openWorld,
  type TestAgent,
  type World,
} from './testing/world.ts'

const soon = () => new Promise((resolve) => setTimeout(resolve, 150))

describe('a new domain', () => {
  let world: World
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())

  test('keeps its files to its owner', () => {
    for (const file of ['kek', 'operator.json']) {
      assert.equal(statSync(join(world.config.dataDir, file)).mode & 0o077, 0, file)
    }
  })

  test('no private key stands in the database in the clear', async () => {
    const { db, domain } = world.authority.embedded
    const rows = await db.read({ sql: 'SELECT sealed FROM signing_keys WHERE domain = ?', parameters: [domain.id] })
    assert.equal(rows.length, 2)
    for (const { sealed } of rows)
      assert.equal(Buffer.from(sealed as Uint8Array).includes(Buffer.from('06082a8648ce3d030107', 'hex')), false)
  })

  test('RFC 8414 section 3: metadata names the configured issuer whatever Host says', async () => {
    for (const path of ['oauth-authorization-server', 'openid-configuration']) {
      const answer = await fetch(`${world.config.issuer}/.well-known/${path}`, {
        headers: { 'x-forwarded-host': 'evil.test' },
      })
      const text = await answer.text()
      assert.equal(text.includes('evil.test'), false)
      const body = JSON.parse(text) as Record<string, unknown>
      assert.equal(body.issuer, world.config.issuer)
      assert.deepEqual(body.code_challenge_methods_supported, ['S256'])
    }
  })

  test('offers a link for the first owner, describes itself and is ready', async () => {
    assert.ok(world.authority.setupLink)
    const { issuer } = world.config
    const described = (await (await fetch(`${issuer}/openapi.json`)).json()) as { paths: Record<string, unknown> }
    assert.ok(described.paths['/v1/agents/{id}/suspend'])
    assert.equal((await fetch(`${issuer}/readyz`)).status, 200)
    assert.match(await (await fetch(`${issuer}/metrics`)).text(), /credence_ledger_entries/)
  })

  test('every route of /v1 refuses a stranger and an agent without the role', async () => {
    const { issuer } = world.config
    await addFiles(world)
    const agent = await addAgent(world)
    const routes = world.authority.routes.filter(({ access }) => ['admin', 'node', 'decide'].includes(access))
    assert.ok(routes.length > 30)
    const { body } = await getToken(issuer, agent, { form: { resource: `${issuer}/v1` } })
    for (const route of routes) {
      const path = route.path.replace(/:(\w+)/g, 'x')
      const stranger = await fetch(`${issuer}${path}`, { method: route.method })
      assert.equal(stranger.status, 401, `${route.name}: stranger`)
      assert.match(stranger.headers.get('www-authenticate') ?? '', /DPoP/)
      const sent = ['GET', 'DELETE'].includes(route.method) ? undefined : {}
      const known = await callApi(issuer, agent, String(body.access_token), route.method, path, sent)
      assert.ok([400, 403].includes(known.status), `${route.name}: agent got ${known.status}`)
    }
  })

  test('a token for a server is refused at /v1, and a bound token as Bearer', async () => {
    const { issuer } = world.config
    const agent = await addAgent(world)
    const other = await getToken(issuer, agent, { form: { resource: FILES } })
    assert.equal((await callApi(issuer, agent, String(other.body.access_token), 'GET', '/v1/agents')).status, 401)
    const { token } = await asOperator(world)
    const bearer = await fetch(`${issuer}/v1/agents`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(bearer.status, 401)
  })

  test('a stdio server never takes a command, a labelled one keeps its labels', async () => {
    const operator = await asOperator(world)
    const body = { name: 'shell', kind: 'stdio', command: 'sh' }
    assert.equal((await operator.call('POST', '/v1/servers', body)).status, 400)
    const labels = { labels: { read_file: { effect: 'read' } } }
    const labelled = await operator.call('PUT', '/v1/servers/files/labels', labels)
    assert.deepEqual(labelled.body.labels, labels.labels)
  })

  test('a private key that is sent is refused', async () => {
    const operator = await asOperator(world)
    const jwk = nodeKeys.es256().privateKey.export({ format: 'jwk' })
    const answer = await operator.call('POST', '/v1/agents', { name: 'careless', keys: [jwk] })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.code, 'private_key_sent')
  })

  test('policies: a wrong set changes nothing, a good one is one version with its author', async () => {
    const operator = await asOperator(world)
    const before = (await operator.call('GET', '/v1/policies')).body
    const wrong = await operator.call('PUT', '/v1/policies', { files: [{ name: 'a.cedar', text: 'permit (' }] })
    assert.equal(wrong.status, 422)
    const files = (before.source as { files: object[] }).files
    const more = {
      name: 'extra.cedar',
      text: '@id("nobody-deletes")\nforbid (principal, action == Action::"tools/call", resource) when { false };\n',
    }
    const applied = await operator.call('PUT', '/v1/policies', { files: [...files, more], expected: before.number })
    assert.equal(applied.status, 200, JSON.stringify(applied.body))
    assert.equal(applied.body.author, world.operator.clientId)
    const stale = await operator.call('PUT', '/v1/policies', { files, expected: before.number })
    assert.equal(stale.status, 409)
  })

  test('policies: every version can be read with its text, links of templates included', async () => {
    const operator = await asOperator(world)
    const { number, source } = (await operator.call('GET', '/v1/policies')).body as {
      number: number
      source: { files: object[] }
    }
    const template = { name: 'template.cedar', text: '@id("t") forbid (principal == ?principal, action, resource);' }
    const links = {
      name: 'links.json',
      text: '[{"id":"l","template":"t","principal":{"type":"Agent","id":"agt_x"}}]',
    }
    const applied = await operator.call('PUT', '/v1/policies', { files: [...source.files, template], links })
    assert.equal(applied.status, 200, JSON.stringify(applied.body))
    const older = (await operator.call('GET', `/v1/policies/versions/${number}`)).body
    assert.deepEqual(older.source, source)
    const newer = (await operator.call('GET', `/v1/policies/versions/${number + 1}`)).body
    assert.deepEqual((newer.source as { links?: object }).links, links)
    for (const wrong of ['0', '999', 'x']) {
      assert.equal((await operator.call('GET', `/v1/policies/versions/${wrong}`)).status, 404, wrong)
    }
    await operator.call('PUT', '/v1/policies', { files: source.files })
  })
})

describe('keys and restarts', () => {
  let world: World
  let agent: TestAgent
  before(async () => {
    world = await openWorld()
    await addFiles(world)
    agent = await addAgent(world)
  })
  after(() => world.close())

  test('rotation: the next key signs, tokens of the last one stay good, the set always shows what comes', async () => {
    const { issuer } = world.config
    const operator = await asOperator(world)
    const jwks = async () =>
      ((await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
    const before = await jwks()
    const { body } = await operator.call('POST', '/v1/keys/rotate')
    assert.ok(before.includes(String(body.kid)), 'the key was published before it signs')
    assert.equal((await operator.call('GET', '/v1/status')).status, 200)
    assert.equal((await jwks()).length, 3)
    const token = String((await getToken(issuer, agent, { form: { resource: FILES } })).body.access_token)
    assert.equal(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid, body.kid)
  })

  test('what was used before a restart is still used, and tokens and revocations survive', async () => {
    const { issuer } = world.config
    const operator = await asOperator(world)
    const { form } = await seedCode(world, agent.clientId)
    const first = await getToken(issuer, agent, { form })
    assert.equal(first.status, 200)
    await operator.call('POST', '/v1/revocations', { kind: 'agent', id: agent.clientId })
    await world.restart()
    assert.equal((await operator.call('GET', '/v1/status')).status, 200)
    assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_client')
    assert.equal((await operator.call('POST', `/v1/agents/${agent.clientId}/resume`)).body.status, 'active')
    assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_grant')
  })

  test('the issuer of a domain is fixed', async () => {
    await world.authority.close()
    const config = { ...world.config, issuer: 'http://127.0.0.1:1' }
    await assert.rejects(
      startAuthority(config, {
        clock: nodeClock,
        random: nodeRandom,
        keys: nodeKeys,
        log: silentLogger,
        fetch: async () => assert.fail(),
      }),
      { code: 'issuer_changed' },
    )
    await world.restart()
    assert.equal((await fetch(`${world.config.issuer}/healthz`)).status, 200)
  })
})

describe('a ledger that cannot be written', () => {
  test('nothing is issued, what takes authority away goes through, and its record follows', async () => {
    const files = filesWithLever()
    const world = await openWorld({ deps: { ledgerFiles: files } })
    try {
      const { issuer } = world.config
      await addFiles(world)
      const agent = await addAgent(world)
      const { form, grantId } = await seedCode(world, agent.clientId)
      const operator = await asOperator(world)
      await freshNonce(issuer, agent)
      const before = Number(
        (await operator.call('GET', '/v1/status')).body.ledger && world.authority.embedded.ledger.size(),
      )

      files.full = true
      const refused = await askToken(issuer, agent, { form })
      assert.equal(refused.status, 503)
      assert.equal(refused.body.error, 'temporarily_unavailable')
      assert.equal((await operator.call('POST', '/v1/agents', { name: 'x', keys: [] })).status >= 400, true)
      const revoked = await operator.call('POST', `/v1/grants/${grantId}/revoke`)
      assert.equal(revoked.status, 200, JSON.stringify(revoked.body))
      const suspended = await operator.call('POST', `/v1/agents/${agent.clientId}/suspend`)
      assert.equal(suspended.status, 200, JSON.stringify(suspended.body))
      assert.equal((await fetch(`${issuer}/readyz`)).status, 503)

      files.full = false
      await new Promise((resolve) => setTimeout(resolve, 1500))
      assert.equal((await fetch(`${issuer}/readyz`)).status, 200)
      assert.ok(world.authority.embedded.ledger.size() > before)
      const tail = await operator.call('GET', '/v1/audit/records?n=20')
      const methods = (tail.body.records as { record: { method?: string } }[]).map(({ record }) => record.method)
      assert.ok(methods.includes('grant.revoke') && methods.includes('agent.suspend'), JSON.stringify(methods))
      assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_client')
    } finally {
      await world.close()
    }
  })
})

describe('between the intent and the row', () => {
  test('a batch that fails leaves nothing half done: the intent has an outcome, the code is as it was', async () => {
    const world = await openWorld()
    try {
      const { issuer } = world.config
      await addFiles(world)
      const agent = await addAgent(world)
      const { form } = await seedCode(world, agent.clientId)
      await freshNonce(issuer, agent)
      const { db } = world.authority.embedded
      const rename = (from: string, to: string) =>
        db.atomically([{ sql: `ALTER TABLE ${from} RENAME TO ${to}`, parameters: [] }])
      await rename('tokens', 'tokens_gone')
      const broken = await askToken(issuer, agent, { form })
      assert.ok(broken.status >= 500, String(broken.status))
      assert.equal(broken.body.access_token, undefined)
      await rename('tokens_gone', 'tokens')
      const operator = await asOperator(world)
      const tail = await operator.call('GET', '/v1/audit/records?n=50')
      const records = (
        tail.body.records as {
          record: { id: string; kind: string; intent?: string; status?: string; grant?: string }
        }[]
      ).map(({ record }) => record)
      const intent = records.find(({ kind, grant }) => kind === 'intent' && grant !== undefined)
      const outcome = records.find(({ kind, intent: of }) => kind === 'outcome' && of === intent?.id)
      assert.ok(intent)
      assert.equal(outcome?.status, 'unknown')
      assert.equal((await getToken(issuer, agent, { form })).status, 200)
    } finally {
      await world.close()
    }
  })
})

describe('backup and restore', () => {
  test('a restore starts an epoch: older tokens are void, what the ledger says was revoked stays revoked', async () => {
    const world = await openWorld()
    const target = join(mkdtempSync(join(tmpdir(), 'credence-backup-')), 'copy')
    try {
      const { issuer, dataDir } = world.config
      await addFiles(world)
      const agent = await addAgent(world)
      const { grantId } = await seedCode(world, agent.clientId)
      const operator = await asOperator(world)
      const { db, ledger } = world.authority.embedded
      if (!('backup' in db) || typeof db.backup !== 'function') return assert.fail('no backup')
      await backup(
        dataDir,
        target,
        { backup: db.backup.bind(db) as (file: string) => Promise<void>, ledger },
        { withKeys: true },
      )
      await operator.call('POST', `/v1/grants/${grantId}/revoke`)
      await soon()
      await world.authority.close()
      // The newer ledger survived on another disk.
      rmSync(join(target, 'ledger'), { recursive: true })
      const { cpSync } = await import('node:fs')
      cpSync(ledgerDir(dataDir), join(target, 'ledger'), { recursive: true })
      rmSync(dataDir, { recursive: true })
      const deps = { clock: nodeClock, random: nodeRandom, keys: nodeKeys, log: silentLogger }
      const restored = await restore(world.config, target, deps)
      assert.equal(restored.epoch, 2)
      assert.ok(restored.replayed >= 1)
      await assert.rejects(restore(world.config, target, deps), { code: 'restore_over_data' })
      const again = await startAuthority(world.config, { ...deps, fetch: async () => assert.fail() })
      try {
        assert.equal((await operator.call('GET', '/v1/status')).status, 401, 'a token of the time before')
        const fresh = await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
        assert.equal((claimsOf(fresh.body.access_token).credence as { epoch: number }).epoch, 2)
        const token = String(fresh.body.access_token)
        const grant = await callApi(issuer, world.operator, token, 'GET', `/v1/grants/${grantId}`)
        assert.equal(grant.body.status, 'revoked')
      } finally {
        await again.close()
      }
      assert.ok(existsSync(join(dataDir, 'kek')) && readFileSync(join(dataDir, 'kek')).length > 40)
    } finally {
      await world.close().catch(() => undefined)
      rmSync(target, { recursive: true, force: true })
    }
  })
})
