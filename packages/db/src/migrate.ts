/** One numbered list of changes to the schema, each applied once, in order, in a transaction of its own. */
import { createHash } from 'node:crypto'
import { refused } from '@credence/kit'
import { BatchConflict, type Database, type Statement } from './types.ts'

export interface Migration {
  /** 1, 2, 3, ... without a gap. */
  readonly number: number
  readonly name: string
  /** Statements of each engine; the same list may stand in both. */
  readonly sqlite: readonly string[]
  readonly postgres: readonly string[]
}

interface Applied {
  readonly [column: string]: string | number
  readonly number: number
  readonly name: string
  readonly checksum: string
}

const TABLE = `CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)`

const plain = (sql: string, ...parameters: (string | number)[]): Statement => ({ sql, parameters })

const checksum = (migration: Migration, engine: Database['engine']): string =>
  createHash('sha256')
    .update(JSON.stringify([migration.number, migration.name, migration[engine]]))
    .digest('base64url')

/** The migrations that this database has seen. */
export const applied = (db: Database): Promise<Applied[]> =>
  db.read<Applied>(plain('SELECT number, name, checksum FROM schema_migrations ORDER BY number'))

const refuseGaps = (migrations: readonly Migration[]): void => {
  migrations.forEach((migration, at) => {
    if (migration.number !== at + 1) {
      throw refused('migrations_out_of_order', `Migration ${migration.name} must have number ${at + 1}.`)
    }
  })
}

/** INVARIANT: what was applied is never edited, and a database that is newer than this program is never touched. */
const refuseForeign = (
  done: readonly Applied[],
  migrations: readonly Migration[],
  engine: Database['engine'],
): void => {
  for (const one of done) {
    const known = migrations[one.number - 1]
    if (known === undefined) {
      throw refused(
        'schema_newer',
        `The database has migration ${one.number} (${one.name}), which this version does not know. Use a newer version.`,
      )
    }
    if (checksum(known, engine) !== one.checksum) {
      throw refused('migration_changed', `Migration ${one.number} (${one.name}) was changed after it was applied.`)
    }
  }
}

/**
 * INVARIANT: the row comes first. Of two nodes that start at the same moment the second waits on the row's key, finds
 * it taken when the first has committed, and changes nothing.
 */
const apply = async (db: Database, migration: Migration): Promise<boolean> => {
  const mark: Statement = {
    sql: 'INSERT INTO schema_migrations (number, name, checksum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    parameters: [migration.number, migration.name, checksum(migration, db.engine)],
    expect: { rows: 1, conflict: 'migration_taken' },
  }
  try {
    await db.atomically([mark, ...migration[db.engine].map((sql) => plain(sql))])
    return true
  } catch (error) {
    if (error instanceof BatchConflict && error.conflict === 'migration_taken') return false
    throw error
  }
}

/** Two nodes that create the first table at once can collide in PostgreSQL's catalogue: the second try finds it there. */
const createTable = async (db: Database): Promise<void> => {
  try {
    await db.atomically([plain(TABLE)])
  } catch (error) {
    if (!(error instanceof BatchConflict)) throw error
    await db.atomically([plain(TABLE)])
  }
}

/** Brings the schema to the end of the list; answers with the numbers that this call applied. */
export const migrate = async (db: Database, migrations: readonly Migration[]): Promise<number[]> => {
  refuseGaps(migrations)
  await createTable(db)
  const done = await applied(db)
  refuseForeign(done, migrations, db.engine)
  const mine: number[] = []
  for (const migration of migrations.slice(done.length)) {
    if (await apply(db, migration)) mine.push(migration.number)
  }
  refuseForeign(await applied(db), migrations, db.engine)
  return mine
}
