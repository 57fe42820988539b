/** An authority whose PostgreSQL goes away and comes back. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { verifyAudit } from '@credence/audit'
import { type PostgresProxy, postgresProxy, type TestSchema, testSchema } from '@credence/db/testing'
import { toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { exportLedger } from './ledger/export.ts'
import { addAgent, addFiles, FILES } from './testing/seed.ts'
import { askToken, getToken, openWorld, type TestAgent, type World } from './testing/world.ts'

describe('an authority without its PostgreSQL', { timeout: 90_000 }, () => {
  let server: TestSchema
  let proxy: PostgresProxy
  let world: World
  let agent: TestAgent
  before(async () => {
    server = testSchema()
    proxy = await postgresProxy()
    const database = { engine: 'postgres', url: proxy.url, schema: server.schema } as const
    world = await openWorld({ config: { database, keyEncryptionKey: toBase64url(nodeRandom.bytes(32)) } })
    await addFiles(world)
    agent = await addAgent(world)
  })
  after(async () => {
    await world.close().catch(() => undefined)
    await proxy.close()
    await server.close()
  })

  const token = () => getToken(world.config.issuer, agent, { form: { resource: FILES } })

  test('operations are refused as unavailable while it is away, go on when it is back, and nothing is lost', async () => {
    const { issuer } = world.config
    assert.equal((await token()).status, 200)
    for (let round = 0; round < 3; round += 1) {
      const busy = Array.from({ length: 20 }, () => askToken(issuer, agent, { form: { resource: FILES } }))
      await wait(10 * round)
      proxy.refuse(true)
      const answers = await Promise.all(busy)
      assert.ok(answers.every(({ status }) => [200, 400, 503].includes(status)))
      await wait(800)
      assert.equal((await token()).status, 503)
      assert.equal((await fetch(`${issuer}/readyz`)).status, 503)
      proxy.refuse(false)
      let status = 0
      for (let tries = 0; tries < 100 && status !== 200; tries += 1) {
        await wait(50)
        status = (await token()).status
      }
      assert.equal(status, 200)
    }
    const db = await server.open()
    const intents = await db.read({ sql: 'SELECT intent FROM tokens', parameters: [] })
    const { ledger } = world.authority.embedded
    // Numbers of what was refused are taken by later records, or explained after a second.
    await wait(1_500)
    await ledger.refresh()
    const recorded = new Set<string>()
    for await (const { entry } of ledger.entries(0, ledger.size())) {
      recorded.add(String((JSON.parse(Buffer.from(entry).toString()) as { id: string }).id))
    }
    for (const { intent } of intents)
      assert.ok(recorded.has(String(intent)), 'a token without the record that came first')
    const dir = mkdtempSync(join(tmpdir(), 'credence-outage-'))
    await exportLedger(db, join(dir, 'ledger'), { key: ledger.verifierKey })
    const verdict = await verifyAudit(join(dir, 'ledger'), ledger.verifierKey)
    rmSync(dir, { recursive: true, force: true })
    assert.equal(verdict.sound, true, JSON.stringify([verdict.ledger, verdict.findings]))
  })

  test('it ends in time although the database does not answer', async () => {
    proxy.refuse(true)
    const begun = performance.now()
    await world.authority.close()
    assert.ok(performance.now() - begun < 15_000)
  })
})
