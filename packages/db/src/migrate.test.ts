import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { applied, type Migration, migrate } from './migrate.ts'
import { openSqlite } from './sqlite/open.ts'
import { testSchema } from './testing/index.ts'
import type { Database } from './types.ts'

const one = (number: number, ...statements: string[]): Migration => ({
  number,
  name: `step ${number}`,
  sqlite: statements,
  postgres: statements,
})
const LIST = [
  one(1, 'CREATE TABLE a (id TEXT PRIMARY KEY)', "INSERT INTO a (id) VALUES ('once')"),
  one(2, 'ALTER TABLE a ADD COLUMN b TEXT'),
  one(3, 'CREATE TABLE c (id TEXT PRIMARY KEY REFERENCES a (id))'),
]

type Open = () => Promise<{ first: Database; second: Database; close(): Promise<void> }>

const migrationContract = (name: string, open: Open): void => {
  const on = (title: string, run: (first: Database, second: Database) => Promise<void>) =>
    test(title, async () => {
      const { first, second, close } = await open()
      try {
        await run(first, second)
      } finally {
        await close()
      }
    })

  describe(`migrations: ${name}`, () => {
    on('are applied once, in order, and again only what is new', async (db) => {
      assert.deepEqual(await migrate(db, LIST.slice(0, 2)), [1, 2])
      assert.deepEqual(await migrate(db, LIST), [3])
      assert.deepEqual(await migrate(db, LIST), [])
      assert.deepEqual(
        (await applied(db)).map((row) => row.number),
        [1, 2, 3],
      )
    })

    on('two nodes at the same moment apply each once', async (first, second) => {
      const done = await Promise.all([migrate(first, LIST), migrate(second, LIST), migrate(first, LIST)])
      assert.deepEqual(done.flat().sort(), [1, 2, 3])
      assert.equal((await first.read({ sql: 'SELECT id FROM a', parameters: [] })).length, 1)
    })

    on('one that fails leaves nothing behind', async (db) => {
      const broken = [LIST[0] as Migration, one(2, 'CREATE TABLE d (id TEXT)', 'CREATE TABLE d (id TEXT)')]
      await assert.rejects(migrate(db, broken))
      assert.deepEqual(
        (await applied(db)).map((row) => row.number),
        [1],
      )
      assert.deepEqual(await migrate(db, LIST), [2, 3])
      await assert.rejects(db.read({ sql: 'SELECT * FROM d', parameters: [] }))
    })

    on('a newer schema, a changed step and a gap are refused, and nothing is touched', async (db) => {
      await migrate(db, LIST)
      await assert.rejects(migrate(db, LIST.slice(0, 2)), { code: 'schema_newer' })
      const changed = [LIST[0] as Migration, one(2, 'ALTER TABLE a ADD COLUMN x TEXT'), LIST[2] as Migration]
      await assert.rejects(migrate(db, changed), { code: 'migration_changed' })
      await assert.rejects(migrate(db, [one(2, 'SELECT 1')]), { code: 'migrations_out_of_order' })
    })
  })
}

migrationContract('sqlite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'credence-db-'))
  const db = await openSqlite({ file: join(directory, 'test.db'), reserveBytes: 0 })
  const close = async (): Promise<void> => {
    await db.close()
    await rm(directory, { recursive: true })
  }
  return { first: db, second: db, close }
})

migrationContract('postgres', async () => {
  const server = testSchema()
  return { first: await server.open(), second: await server.open(), close: server.close }
})
