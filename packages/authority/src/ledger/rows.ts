/** The ledger's rows on a `Database`: every method of the port is one batch. */
import { BatchConflict, type Database, type Row, type Statement, type Value } from '@credence/db'
import { bug } from '@credence/kit'
import {
  type LedgerRows,
  type Owed,
  ROW_AT_HEAD,
  type RowBatch,
  type RowChange,
  type RowHead,
  type RowTile,
} from '@credence/ledger'
import type { DomainId } from '@credence/model'
import { mustBeOne, sql } from '../sql.ts'

const MOVED = 'ledger_moved'

const bytes = (row: Row | undefined, column: string): Uint8Array => (row?.[column] ?? new Uint8Array()) as Uint8Array

const headOf = (row: Row | undefined): RowHead => ({
  size: Number(row?.size ?? 0),
  root: bytes(row, 'root'),
  signature: bytes(row, 'signature'),
})

const owedOf = (row: Row | undefined): Owed | undefined =>
  row === undefined || row.owed_size === null
    ? undefined
    : { size: Number(row.owed_size), root: bytes(row, 'owed_root'), by: String(row.owed_by) }

const batchOf = (row: Row): RowBatch => ({
  first: Number(row.first),
  size: Number(row.size),
  token: String(row.token),
  frame: bytes(row, 'frame'),
})

const TO_HEAD = `UPDATE ledger_heads SET size = ?, root = ?, signature = ?, turn = NULL,
  owed_size = CASE WHEN owed_size = ? AND owed_root = ? THEN NULL ELSE owed_size END
  WHERE domain = ? AND size = ? AND root = ? AND signature = ? AND (turn IS NULL OR turn = ?)`

const toHeadSql = ({ owed }: RowChange): string =>
  `${TO_HEAD} AND ${owed === undefined ? 'owed_size IS NULL' : 'owed_size = ? AND owed_root = ?'}`

const toHead = (domain: DomainId, { from, to, writer, owed }: RowChange): readonly Value[] => [
  to.size,
  to.root,
  to.signature,
  to.size,
  to.root,
  domain,
  from.size,
  from.root,
  from.signature,
  writer,
  ...(owed === undefined ? [] : [owed.size, owed.root]),
]

const batchValues = ({ first, size, token, frame }: RowBatch): readonly Value[] => [first, size, token, frame]

/**
 * One statement, which PostgreSQL begins when all of it has arrived: a node that dies while it sends, or whose network
 * does, leaves no lock on the head behind. Answers one row, or none when the head was another.
 */
const inOneStatement = (domain: DomainId, change: RowChange): readonly Statement[] => [
  {
    sql: `WITH moved AS (${toHeadSql(change)} RETURNING domain)${change.tiles.map((_, at) => tileOfMoved(at)).join('')}
      INSERT INTO ledger_batches (domain, first, size, token, frame)
      SELECT domain, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BYTEA) FROM moved RETURNING first`,
    parameters: [
      ...toHead(domain, change),
      ...change.tiles.flatMap(({ level, n, hashes }) => [level, n, hashes]),
      ...batchValues(change.batch),
    ],
  },
]

const tileOfMoved = (at: number): string => `, tile_${at} AS (
  INSERT INTO ledger_tiles (domain, level, n, hashes)
  SELECT domain, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BYTEA) FROM moved
  ON CONFLICT (domain, level, n) DO UPDATE SET hashes = excluded.hashes)`

/** The same where a statement cannot change several tables. */
const inSeveral = (domain: DomainId, change: RowChange): readonly Statement[] => [
  mustBeOne(MOVED, toHeadSql(change), ...toHead(domain, change)),
  ...change.tiles.map((tile) => putTile(domain, tile)),
  sql(
    'INSERT INTO ledger_batches (domain, first, size, token, frame) VALUES (?, ?, ?, ?, ?) RETURNING first',
    domain,
    ...batchValues(change.batch),
  ),
]

const putTile = (domain: DomainId, { level, n, hashes }: RowTile): Statement =>
  sql(
    `INSERT INTO ledger_tiles (domain, level, n, hashes) VALUES (?, ?, ?, ?)
     ON CONFLICT (domain, level, n) DO UPDATE SET hashes = excluded.hashes`,
    domain,
    level,
    n,
    hashes,
  )

/**
 * INVARIANT: the last statement of its batch. Whoever does not read the answers of the others, because it was stopped or
 * lost its power, must not have locked the head before they are sent.
 */
const takeTurn = (domain: DomainId, writer: string, instead = writer): Statement =>
  sql(
    `UPDATE ledger_heads SET turn = ? WHERE domain = ? AND (turn IS NULL OR turn = ? OR turn = ?)
     RETURNING size, root, signature, turn`,
    writer,
    domain,
    writer,
    instead,
  )

const batchesFrom = (domain: DomainId, from: number, to: number, most: number): Statement =>
  sql(
    `SELECT first, size, token, frame FROM ledger_batches WHERE domain = ? AND first < ? AND first >= COALESCE(
       (SELECT max(first) FROM ledger_batches WHERE domain = ? AND first <= ?), 0) ORDER BY first LIMIT ?`,
    domain,
    to,
    domain,
    from,
    most,
  )

const begin =
  (db: Database, domain: DomainId): LedgerRows['begin'] =>
  async ({ origin, root, signature }) => {
    const [, [row] = []] = await db.atomically([
      sql(
        `INSERT INTO ledger_heads (domain, origin, first_signature, size, root, signature) VALUES (?, ?, ?, 0, ?, ?)
         ON CONFLICT (domain) DO NOTHING`,
        domain,
        origin,
        signature,
        root,
        signature,
      ),
      sql('SELECT origin, first_signature FROM ledger_heads WHERE domain = ?', domain),
    ])
    return { origin: String(row?.origin), root, signature: bytes(row, 'first_signature') }
  }

const look =
  (db: Database, domain: DomainId): LedgerRows['look'] =>
  async ({ after, most, turn }) => {
    const [[seen] = [], batches = [], [mine] = []] = await db.atomically([
      sql(
        'SELECT size, root, signature, turn, owed_size, owed_root, owed_by FROM ledger_heads WHERE domain = ?',
        domain,
      ),
      // NOTE: read after the head, so that it holds all that the head covers.
      sql(
        'SELECT first, size, token, frame FROM ledger_batches WHERE domain = ? AND first >= ? ORDER BY first LIMIT ?',
        domain,
        after,
        most,
      ),
      ...(turn === undefined ? [] : [takeTurn(domain, turn.writer, turn.instead)]),
    ])
    // With the turn, the head is as it stays: what came in between is read once more.
    if (mine !== undefined && mine.size !== seen?.size) return look(db, domain)({ after, most })
    const whose = (mine ?? seen)?.turn
    return {
      head: headOf(seen),
      batches: batches.map(batchOf),
      turn: typeof whose === 'string' ? whose : undefined,
      owed: owedOf(seen),
    }
  }

const owe =
  (db: Database, domain: DomainId): LedgerRows['owe'] =>
  async (from, owed, instead) => {
    const [changed] = await db.atomically([
      sql(
        `UPDATE ledger_heads SET owed_size = ?, owed_root = ?, owed_by = ? WHERE domain = ? AND size = ? AND root = ?
         AND signature = ? AND (owed_size IS NULL OR (owed_size = ? AND owed_root = ?)) RETURNING size`,
        owed.size,
        owed.root,
        owed.by,
        domain,
        from.size,
        from.root,
        from.signature,
        instead.size,
        instead.root,
      ),
    ])
    return changed?.length === 1
  }

const commit =
  (db: Database, domain: DomainId): LedgerRows['commit'] =>
  async (change) => {
    const statements = db.engine === 'postgres' ? inOneStatement(domain, change) : inSeveral(domain, change)
    try {
      return (await db.atomically(statements)).at(-1)?.length === 1
    } catch (error) {
      if (!(error instanceof BatchConflict)) throw error
      if (error.conflict === MOVED) return false
      throw bug(ROW_AT_HEAD, `there is a batch at entry ${change.batch.first}, which is the head`)
    }
  }

export const createLedgerRows = (db: Database, domain: DomainId): LedgerRows => ({
  begin: begin(db, domain),
  look: look(db, domain),
  commit: commit(db, domain),
  owe: owe(db, domain),
  endTurn: async (writer) => {
    await db.atomically([sql('UPDATE ledger_heads SET turn = NULL WHERE domain = ? AND turn = ?', domain, writer)])
  },
  batches: async (from, to, most) => (await db.read(batchesFrom(domain, from, to, most))).map(batchOf),
  tile: async (level, n) => {
    const [row] = await db.read(
      sql('SELECT hashes FROM ledger_tiles WHERE domain = ? AND level = ? AND n = ?', domain, level, n),
    )
    return row === undefined ? undefined : bytes(row, 'hashes')
  },
  putTiles: async (tiles) => {
    await db.atomically(tiles.map((tile) => putTile(domain, tile)))
  },
})
