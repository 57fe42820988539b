/** kysely writes SQL and checks names and types; it never runs anything. */

import { bug } from '@credence/kit'
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Database, Statement, Value } from './types.ts'

/** The portable placeholder: the engine numbers it, as it does for SQL written by hand. */
class PortablePostgresCompiler extends PostgresQueryCompiler {
  protected override getCurrentParameterPlaceholder(): string {
    return '?'
  }
}

export type QueryBuilder<Tables> = Kysely<Tables>

/**
 * A builder of statements for one engine.
 *
 * @example
 * import { queryBuilder, toStatement } from '@credence/db/query-builder'
 * const tables = queryBuilder<{ note: { id: string; text: string } }>('sqlite')
 * const rows = await db.read(toStatement(tables.selectFrom('note').selectAll().where('id', '=', 'a').compile()))
 */
export const queryBuilder = <Tables>(engine: Database['engine']): QueryBuilder<Tables> =>
  new Kysely<Tables>({
    dialect: {
      createAdapter: () => (engine === 'sqlite' ? new SqliteAdapter() : new PostgresAdapter()),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => (engine === 'sqlite' ? new SqliteIntrospector(db) : new PostgresIntrospector(db)),
      createQueryCompiler: () => (engine === 'sqlite' ? new SqliteQueryCompiler() : new PortablePostgresCompiler()),
    },
  })

const isValue = (value: unknown): value is Value =>
  value === null ||
  typeof value === 'string' ||
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  value instanceof Uint8Array

/** What was compiled, as a statement; a parameter that no engine stores portably (boolean, Date, object) is a bug. */
export const toStatement = (query: CompiledQuery, expect?: Statement['expect']): Statement => {
  const parameters = query.parameters.map((parameter) => {
    if (!isValue(parameter)) throw bug('parameter_not_portable', `${typeof parameter} in ${query.sql}`)
    return parameter
  })
  return expect === undefined ? { sql: query.sql, parameters } : { sql: query.sql, parameters, expect }
}
