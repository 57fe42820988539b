import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate } from '../migrate.ts'
import { onceMigration } from '../once.ts'
import { postgresProxy, TEST_POSTGRES, type TestSchema, testSchema } from '../testing/index.ts'
import { openPostgres, type PostgresDatabase } from './open.ts'

const CHILD = new URL('../testing/claim-load.ts', import.meta.url).pathname
const TABLES = ['CREATE TABLE item (id TEXT PRIMARY KEY, n BIGINT NOT NULL)']

describe('postgres: several nodes', () => {
  let server: TestSchema
  let db: PostgresDatabase
  before(async () => {
    server = testSchema()
    db = await server.open()
    await migrate(db, [{ number: 1, name: 'item', sqlite: TABLES, postgres: TABLES }, onceMigration(2)])
  })
  after(() => server.close())

  const node = async (): Promise<{ child: ChildProcess; claim(key: string): Promise<number> }> => {
    const child = spawn(process.execPath, [CHILD, server.url, server.schema], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    await lines.next()
    return {
      child,
      claim: async (key) => {
        child.stdin?.write(`${key}\n`)
        return Number((await lines.next()).value)
      },
    }
  }

  test('of a hundred claims from two processes, one wins, in every round', async () => {
    const nodes = await Promise.all([node(), node()])
    try {
      for (let round = 0; round < 10; round += 1) {
        const won = await Promise.all(nodes.map((one) => one.claim(`key ${round}`)))
        assert.equal((won[0] ?? 0) + (won[1] ?? 0), 1)
      }
    } finally {
      for (const one of nodes) one.child.stdin?.end()
    }
  })

  const insert = (id: string) => ({ sql: 'INSERT INTO item (id, n) VALUES (?, 0)', parameters: [id] })

  test('a lost connection is unavailable, is not tried again, and the next batch works', async () => {
    const between = await postgresProxy()
    const far = await openPostgres({ url: between.url, schema: server.schema, connections: 2 })
    try {
      await far.atomically([insert('before')])
      between.swallow(true)
      const unanswered = far.atomically([insert('unanswered')])
      await sleep(100)
      between.cut()
      await assert.rejects(unanswered, { kind: 'unavailable', code: 'database_unavailable' })
      between.swallow(false)
      const rows = await db.read({ sql: "SELECT id FROM item WHERE id = 'unanswered'", parameters: [] })
      assert.equal(rows.length, 1, 'it did happen: unavailable says that nobody knows')
      await far.atomically([insert('next')])
    } finally {
      await far.close()
      await between.close()
    }
  })

  test('a server that ends our sessions in the middle of a load loses nothing that was acknowledged', async () => {
    const acknowledged: string[] = []
    const writer = async (number: number): Promise<void> => {
      for (let at = 0; at < 60; at += 1) {
        const id = `load ${number} ${at}`
        try {
          await db.atomically([insert(id), insert(`${id}+`)])
          acknowledged.push(id)
        } catch (error) {
          assert.equal((error as { kind?: string }).kind, 'unavailable')
        }
      }
    }
    const load = Promise.all(Array.from({ length: 8 }, (_, number) => writer(number)))
    for (let round = 0; round < 3; round += 1) {
      await sleep(15)
      await server.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'credence' AND pid <> pg_backend_pid() AND query LIKE '%item%'`)
    }
    await load
    const rows = await db.read({ sql: "SELECT id FROM item WHERE id LIKE 'load %'", parameters: [] })
    const there = new Set(rows.map((row) => row.id))
    for (const id of acknowledged) assert.ok(there.has(id) && there.has(`${id}+`))
    assert.ok(acknowledged.length > 50)
    assert.equal(there.size % 2, 0)
  })

  test('a server that is not there is unavailable', async () => {
    await assert.rejects(openPostgres({ url: 'postgres://postgres@127.0.0.1:1/test' }), { kind: 'unavailable' })
    await assert.rejects(openPostgres({ url: TEST_POSTGRES, schema: 'x"; DROP' }), { kind: 'refused' })
  })

  test('a statement that takes too long is cancelled', async () => {
    const slow = await server.open({ statementTimeoutMs: 200 })
    await assert.rejects(slow.read({ sql: 'SELECT pg_sleep(5)', parameters: [] }), { kind: 'unavailable' })
    assert.equal((await slow.read({ sql: 'SELECT 1 AS one', parameters: [] }))[0]?.one, 1)
  })

  test('a server that acknowledges before it is durable is refused', async () => {
    const url = new URL(TEST_POSTGRES)
    await server.admin(`CREATE ROLE ${server.schema} LOGIN; ALTER ROLE ${server.schema} SET synchronous_commit = off`)
    try {
      url.username = server.schema
      await assert.rejects(openPostgres({ url: url.href }), { kind: 'refused', code: 'database_not_durable' })
    } finally {
      await server.admin(`DROP ROLE ${server.schema}`)
    }
  })

  test('a listener hears of other nodes, and again after its connection broke', async () => {
    const heard: string[] = []
    const stop = db.listen('credence_test', (payload) => heard.push(payload))
    const until = async (payload: string): Promise<void> => {
      for (let tries = 0; tries < 100 && !heard.includes(payload); tries += 1) {
        await server.admin(`SELECT pg_notify('credence_test', '${payload}')`)
        await sleep(20)
      }
      assert.ok(heard.includes(payload))
    }
    await until('one')
    await server.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN credence_test'")
    await until('two')
    stop()
  })
})
