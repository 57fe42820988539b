/** A restore must not give back what was taken away after the copy was made, and half a restore must not run. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import type { CallerFacts } from '@credence/model'
import { ledgerDir, startAuthority } from '../index.ts'
import { addAgent, addFiles, FILES, seedCode } from '../testing/seed.ts'
import { asOperator, callApi, getToken, newAgentKey, openWorld, type World } from '../testing/world.ts'
import { backup, restore } from './backup.ts'

const deps = { clock: nodeClock, random: nodeRandom, keys: nodeKeys, log: silentLogger }

const copyOf = async (world: World): Promise<string> => {
  const target = join(mkdtempSync(join(tmpdir(), 'credence-backup-')), 'copy')
  const { db, ledger } = world.authority.embedded
  if (!('backup' in db) || typeof db.backup !== 'function') return assert.fail('no backup')
  const source = { backup: db.backup.bind(db) as (file: string) => Promise<void>, ledger }
  await backup(world.config.dataDir, target, source, { withKeys: true })
  return target
}

/** The machine is lost, the newer ledger is not. */
const lose = async (world: World, target: string): Promise<void> => {
  await world.authority.close()
  rmSync(join(target, 'ledger'), { recursive: true })
  cpSync(ledgerDir(world.config.dataDir), join(target, 'ledger'), { recursive: true })
  rmSync(world.config.dataDir, { recursive: true })
}

const rows = (world: World, table: string): Promise<readonly unknown[]> =>
  world.authority.embedded.db.read({ sql: `SELECT * FROM ${table}`, parameters: [] })

test('a key, a bearer exception, a session and a link that ended after the copy stay ended', async () => {
  const world = await openWorld()
  const { issuer } = world.config
  let target = ''
  try {
    await addFiles(world)
    const operator = await asOperator(world)
    const agent = await addAgent(world)
    const second = newAgentKey()
    await operator.call('POST', `/v1/agents/${agent.clientId}/keys`, { key: second.jwk })
    const exception = { client: agent.clientId, resource: FILES }
    assert.equal((await operator.call('POST', '/v1/bearer', exception)).status, 201)
    const person = newId('usr', nodeRandom)
    const { db, domain } = world.authority.embedded
    await db.atomically([
      {
        sql: `insert into people_sessions (domain, secret_hash, session_id, person_id, method, auth_time, expires_at)
          values (?, 'h', 'ses_x', ?, 'passkey', ?, ?)`,
        parameters: [domain.id, person, Date.now(), Date.now() + 3_600_000],
      },
    ])
    assert.ok((await rows(world, 'people_links')).length > 0)
    target = await copyOf(world)
    const removed = await operator.call('DELETE', `/v1/agents/${agent.clientId}/keys/${agent.jkt}`)
    assert.equal(removed.status, 200, JSON.stringify(removed.body))
    assert.equal((await operator.call('POST', '/v1/bearer/remove', exception)).status, 204)
    const refused = await operator.call('POST', `/v1/agents/${world.operator.clientId}/suspend`)
    assert.equal(refused.status, 409, 'recorded as wanted, not done, and so not done by the restore either')
    await lose(world, target)

    await restore(world.config, target, deps)
    const again = await startAuthority(world.config, { ...deps, fetch: async () => assert.fail() })
    try {
      const stolen = await getToken(issuer, agent, { form: { resource: FILES } })
      assert.ok(stolen.status >= 400, 'the removed key is removed')
      const fresh = await getToken(issuer, world.operator, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
      const inventory = await callApi(issuer, world.operator, String(fresh.body.access_token), 'GET', '/v1/inventory')
      assert.deepEqual(inventory.body.bearerExceptions, [])
      const left = await again.embedded.db.read({ sql: 'SELECT * FROM people_sessions', parameters: [] })
      assert.deepEqual(left, [], 'who was signed in signs in again')
      const links = await again.embedded.db.read({
        sql: "SELECT * FROM people_links WHERE kind <> 'setup'",
        parameters: [],
      })
      assert.deepEqual(links, [])
    } finally {
      await again.close()
    }
  } finally {
    await world.close().catch(() => undefined)
    if (target !== '') rmSync(target, { recursive: true, force: true })
  }
})

test('what was allowed again after it was withdrawn is not withdrawn by the restore', async () => {
  const world = await openWorld()
  let target = ''
  try {
    await addFiles(world)
    const operator = await asOperator(world)
    const agent = await addAgent(world)
    const exception = { client: agent.clientId, resource: FILES }
    await operator.call('POST', '/v1/bearer', exception)
    await operator.call('POST', '/v1/bearer/remove', exception)
    await operator.call('POST', '/v1/bearer', exception)
    target = await copyOf(world)
    await lose(world, target)
    await restore(world.config, target, deps)
    const again = await startAuthority(world.config, { ...deps, fetch: async () => assert.fail() })
    assert.equal(again.embedded.registry().bearer.length, 1)
    await again.close()
  } finally {
    await world.close().catch(() => undefined)
    if (target !== '') rmSync(target, { recursive: true, force: true })
  }
})

test('a restore that did not end is not started: what it had still to withdraw would be alive', async () => {
  const world = await openWorld()
  let target = ''
  try {
    await addFiles(world)
    const agent = await addAgent(world)
    await seedCode(world, agent.clientId)
    target = await copyOf(world)
    await lose(world, target)
    // The ledger cannot be opened, so the restore stops after the files were put there.
    rmSync(join(target, 'ledger'), { recursive: true })
    writeFileSync(join(target, 'ledger'), 'not a folder')
    await assert.rejects(restore(world.config, target, deps))
    await assert.rejects(startAuthority(world.config, { ...deps, fetch: async () => assert.fail() }), {
      code: 'restore_unfinished',
    })
  } finally {
    await world.close().catch(() => undefined)
    if (target !== '') rmSync(target, { recursive: true, force: true })
  }
})

test('what the ledger is still writing under another name is left out: it may be gone before it is copied', async () => {
  const world = await openWorld()
  let target = ''
  try {
    writeFileSync(join(ledgerDir(world.config.dataDir), 'segments', 'half-written.tmp'), 'x')
    target = await copyOf(world)
    const copied = readdirSync(join(target, 'ledger'), { recursive: true }).map(String)
    assert.ok(copied.some((name) => name.endsWith('.seg')))
    assert.deepEqual(
      copied.filter((name) => name.endsWith('.tmp')),
      [],
    )
  } finally {
    await world.close()
    if (target !== '') rmSync(target, { recursive: true, force: true })
  }
})

test('what was read of strangers after the copy is not known: agents count as having read, whatever was labelled', async () => {
  for (const labelled of [true, false]) {
    const world = await openWorld()
    let target = ''
    try {
      const operator = await asOperator(world)
      const labels = { page: { effect: 'read', ...(labelled ? { untrusted: true } : {}) } }
      await operator.call('POST', '/v1/servers', { name: 'web', kind: 'stdio', labels })
      const agent = await addAgent(world)
      const task = { clientId: agent.clientId } as CallerFacts
      target = await copyOf(world)
      await world.authority.embedded.tasks.mark(task)
      await lose(world, target)
      await restore(world.config, target, deps)
      const again = await startAuthority(world.config, { ...deps, fetch: async () => assert.fail() })
      assert.equal(again.embedded.tasks.untrusted(task, false), true)
      await again.close()
    } finally {
      rmSync(world.config.dataDir, { recursive: true, force: true })
      rmSync(join(target, '..'), { recursive: true, force: true })
    }
  }
})
