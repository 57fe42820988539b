import { bug, refused, unavailable } from '@credence/kit'
import pg from 'pg'
import { BatchConflict, type Database, type Row, type Statement } from '../types.ts'
import { isConflict, isConnectionLost, isUndone, toError } from './errors.ts'
import { type Planned, plan } from './expectation.ts'
import { isSafeName, type Listening, listenOn } from './listen.ts'
import { Pipeline, PipelineError, type Step, type StepResult } from './pipeline.ts'

export interface PostgresOptions {
  readonly url: string
  /** Created when it does not exist; everything happens in it. Default: what the server's search path says. */
  readonly schema?: string
  /** Default 10. */
  readonly connections?: number
  /** A statement that takes longer is cancelled and its batch `unavailable`. Default 10 s. */
  readonly statementTimeoutMs?: number
  /** Also the longest wait for a free connection. Default 3 s. */
  readonly connectTimeoutMs?: number
  /** TLS settings for the connection when the URL does not say it all. */
  readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

export interface PostgresDatabase extends Database {
  readonly engine: 'postgres'
  /**
   * LISTEN on a connection of its own, which reconnects and then calls the listener with an empty text. A lost
   * notification is not reported: poll beside it. The answer stops listening.
   */
  listen(channel: string, listener: (payload: string) => void): () => void
}

const ATTEMPTS = 5
const MAX_WAITING = 10_000
const BEGIN: Step = { text: 'BEGIN', parameters: [] }

const configOf = (options: PostgresOptions): pg.PoolConfig => {
  const timeout = options.statementTimeoutMs ?? 10_000
  const settings = ['-c default_transaction_isolation=read\\ committed', '-c client_encoding=UTF8']
  if (options.schema !== undefined) settings.push(`-c search_path=${options.schema}`)
  return {
    connectionString: options.url,
    max: options.connections ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: timeout,
    lock_timeout: timeout,
    idle_in_transaction_session_timeout: timeout,
    keepAlive: true,
    options: settings.join(' '),
    application_name: 'credence',
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
  }
}

/** Work on one connection, which is thrown away when its state is not known. */
type Use = <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>

const createUse = (pool: pg.Pool, limitMs: number): Use => {
  return async (work) => {
    if (pool.waitingCount >= MAX_WAITING) {
      throw unavailable('database_unavailable', 'The database cannot answer.', {
        detail: 'too many batches are waiting',
      })
    }
    const client = await pool.connect()
    let lost = false
    // INVARIANT: the server ends what takes too long; a server that does not even do that loses the connection.
    const timer = setTimeout(() => {
      lost = true
      client.release(true)
    }, limitMs)
    try {
      return await work(client)
    } catch (error) {
      if (!lost)
        client.release(
          !(error instanceof BatchConflict) && isConnectionLost(error instanceof PipelineError ? error.cause : error),
        )
      lost = true
      throw error
    } finally {
      clearTimeout(timer)
      if (!lost) client.release()
    }
  }
}

const send = (client: pg.PoolClient, steps: readonly Step[]): Promise<StepResult[]> => {
  const pipeline = new Pipeline(steps)
  // NOTE: the driver's types know less of its query objects than `Wire` says.
  client.query(pipeline as unknown as pg.Submittable)
  return pipeline.done
}

const conflictOf = (statement: Statement | undefined): BatchConflict =>
  new BatchConflict(statement?.expect?.conflict ?? 'constraint')

/** Fails like the server would when an expectation that it could not check does not hold. */
const checkHere = (
  statements: readonly Statement[],
  planned: readonly Planned[],
  results: readonly StepResult[],
): void => {
  statements.forEach((statement, at) => {
    const rows = statement.expect?.rows
    const count = results[at]?.count ?? 0
    if (rows === undefined || planned[at]?.checkHere !== true) return
    if (rows === 'some' ? count === 0 : count !== rows) throw conflictOf(statement)
  })
}

/** BEGIN and the statements, a look at the counts, COMMIT or ROLLBACK: two round trips. */
const runChecked = async (client: pg.PoolClient, steps: readonly Step[], check: (results: StepResult[]) => void) => {
  try {
    const [, ...results] = await send(client, [BEGIN, ...steps])
    check(results)
    await send(client, [{ text: 'COMMIT', parameters: [] }])
    return results
  } catch (error) {
    const cause = error instanceof PipelineError ? error.cause : error
    if (error instanceof BatchConflict || !isConnectionLost(cause)) {
      await send(client, [{ text: 'ROLLBACK', parameters: [] }])
    }
    throw error instanceof PipelineError ? new PipelineError(error.step - 1, error.cause) : error
  }
}

const runBatch = async (client: pg.PoolClient, statements: readonly Statement[]): Promise<Row[][]> => {
  const planned = statements.map(plan)
  const steps = planned.map(({ text }, at) => ({ text, parameters: statements[at]?.parameters ?? [] }))
  const results = planned.some((one) => one.checkHere)
    ? await runChecked(client, steps, (counted) => checkHere(statements, planned, counted))
    : await send(client, steps)
  return results.map((result, at) => (planned[at]?.silent === true ? [] : result.rows))
}

/** Runs until the server no longer says that it undid everything because of others. */
const withRetry = async <T>(statements: readonly Statement[], run: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run()
    } catch (error) {
      if (error instanceof BatchConflict) throw error
      const cause = error instanceof PipelineError ? error.cause : error
      if (isUndone(cause) && attempt < ATTEMPTS) continue
      if (error instanceof PipelineError && isConflict(cause)) throw conflictOf(statements[error.step])
      throw toError(cause)
    }
  }
}

/** `synchronous_commit = off` acknowledges what a crash of the server then loses. */
const refuseNotDurable = async (use: Use): Promise<void> => {
  const [result] = await use((client) =>
    send(client, [
      {
        text: "SELECT current_setting('synchronous_commit') AS sync, current_setting('fsync') AS fsync",
        parameters: [],
      },
    ]),
  )
  const row = result?.rows[0]
  if (row?.sync === 'off' || row?.fsync === 'off') {
    throw refused('database_not_durable', 'Set fsync = on and synchronous_commit = on in PostgreSQL.')
  }
}

const prepareServer = async (use: Use, schema: string | undefined): Promise<void> => {
  if (schema !== undefined) {
    // NOTE: two nodes that create it at once collide in the catalogue; then it exists, which is what we want.
    const create = [{ text: `CREATE SCHEMA IF NOT EXISTS ${schema}`, parameters: [] }]
    await use((client) => send(client, create)).catch((error: unknown) => {
      if (!(error instanceof PipelineError && isConflict(error.cause))) throw error
    })
  }
  await refuseNotDurable(use)
}

/**
 * PostgreSQL, or a server that speaks its protocol: one transaction for each batch, in one round trip.
 *
 * @example
 * const db = await openPostgres({ url: 'postgres://credence@127.0.0.1:5432/credence', schema: 'credence' })
 * await db.atomically([{ sql: 'INSERT INTO note (id) VALUES (?)', parameters: ['a'] }])
 */
export const openPostgres = async (options: PostgresOptions): Promise<PostgresDatabase> => {
  const { schema } = options
  if (schema !== undefined && !isSafeName(schema)) {
    throw refused('schema_name_invalid', 'A schema name has small letters, digits and underscores.')
  }
  const config = configOf(options)
  const pool = new pg.Pool(config)
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const use = createUse(pool, 2 * (options.statementTimeoutMs ?? 10_000))
  const listening = new Set<Listening>()
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await Promise.all([...listening].map((one) => one.stop()))
    await pool.end()
  }
  try {
    await withRetry([], () => prepareServer(use, schema))
  } catch (error) {
    await pool.end()
    throw error
  }
  const run = (statements: readonly Statement[]): Promise<Row[][]> => {
    if (closed !== undefined) throw unavailable('database_unavailable', 'The database was closed.')
    return withRetry(statements, () => use((client) => runBatch(client, statements)))
  }
  return {
    engine: 'postgres',
    read: async <R extends Row>({ sql, parameters }: Statement) => {
      const [rows = []] = await run([{ sql, parameters }])
      // NOTE: the rows are what the caller's statement names; the port's type parameter is the caller's word for them.
      return rows as readonly Row[] as R[]
    },
    atomically: async (statements) => (statements.length === 0 ? [] : run(statements)),
    listen: (channel, listener) => {
      if (!isSafeName(channel)) throw bug('channel_name_invalid', channel)
      const one = listenOn(config, channel, listener)
      listening.add(one)
      return () => {
        listening.delete(one)
        void one.stop()
      }
    },
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
