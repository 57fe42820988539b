/** A PostgreSQL for tests: `CREDENCE_TEST_POSTGRES`, or the usual one on this machine. Each caller has its own schema. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { openPostgres, type PostgresDatabase, type PostgresOptions } from '../postgres/open.ts'

export const TEST_POSTGRES = process.env.CREDENCE_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/test'

export interface TestSchema {
  readonly schema: string
  readonly url: string
  open(options?: Partial<PostgresOptions>): Promise<PostgresDatabase>
  /** Runs SQL as the administrator, outside of the database under test. */
  admin(sql: string): Promise<pg.QueryResult>
  /** Closes what `open` opened and drops the schema. */
  close(): Promise<void>
}

/** INVARIANT: a missing server is a failure and not a skip; who has none says so by not running these tests. */
export const testSchema = (): TestSchema => {
  const schema = `credence_test_${randomBytes(6).toString('hex')}`
  const opened: PostgresDatabase[] = []
  const admin = async (sql: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: TEST_POSTGRES })
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }
  return {
    schema,
    url: TEST_POSTGRES,
    admin,
    open: async (options = {}) => {
      const db = await openPostgres({ url: TEST_POSTGRES, schema, ...options })
      opened.push(db)
      return db
    },
    close: async () => {
      await Promise.all(opened.map((db) => db.close()))
      await admin(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    },
  }
}
