/** Who runs on SQLite does not load the driver. */
import type { PostgresDatabase, PostgresOptions } from './open.ts'

export const openPostgres = async (options: PostgresOptions): Promise<PostgresDatabase> => {
  const { openPostgres: open } = await import('./open.ts')
  return open(options)
}
