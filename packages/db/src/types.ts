/**
 * The one unit of change: a batch of statements that all happen or none, each with what it must have changed.
 * Conditional updates with an expectation replace interactive transactions, so that SQLite can commit many batches
 * with one sync and PostgreSQL never holds a row lock across a round trip to us.
 */
export type Value = string | number | bigint | Uint8Array | null

export interface Statement {
  /** Portable SQL with `?` placeholders; the engine rewrites them for PostgreSQL. */
  readonly sql: string
  readonly parameters: readonly Value[]
  /**
   * What must hold for the batch to commit: exactly this many rows returned or changed, or at least one.
   * Otherwise the whole batch is rolled back and `atomically` throws `BatchConflict` that names the statement. A unique
   * or foreign key that is violated counts as such a conflict too (`constraint` when the statement names none).
   *
   * What an INSERT, UPDATE or DELETE demanded holds until the batch commits. A SELECT is judged on one state of the
   * store and may be overtaken; to keep a row as it is, demand an UPDATE that sets a column to itself.
   */
  readonly expect?: { readonly rows: number | 'some'; readonly conflict: string }
}

/** Integers come back as numbers while they are safe and as bigint beyond; blobs as Uint8Array. */
export type Row = Readonly<Record<string, Value>>

export interface BatchOptions {
  /**
   * The batch only takes authority away (revoke, suspend, deny). On SQLite it may use the space that is kept back for
   * the day when the disk is full; no other batch may.
   */
  readonly reducesAuthority?: boolean
}

/** When it cannot answer: `unavailable`, and whether the batch happened is unknown. Refuse. */
export interface Database {
  readonly engine: 'sqlite' | 'postgres'
  /** Sees every batch that was acknowledged before it was called. Bound what it may return with LIMIT. */
  read<R extends Row = Row>(statement: Statement): Promise<R[]>
  /** Rows returned by each statement (RETURNING), in order. Durable when it resolves. */
  atomically(statements: readonly Statement[], options?: BatchOptions): Promise<readonly (readonly Row[])[]>
  close(): Promise<void>
}

/** A statement did not change what it had to change: somebody else was first, or the thing is no longer so. */
export class BatchConflict extends Error {
  override readonly name = 'BatchConflict'
  readonly conflict: string
  constructor(conflict: string) {
    super(`conflict: ${conflict}`)
    this.conflict = conflict
  }
}
