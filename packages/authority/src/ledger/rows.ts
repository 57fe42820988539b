/** The ledger's rows on a `Database`: every method of the port is one batch. */
import { BatchConflict, type Database, type Row, type Statement } from '@credence/db'
import type { LedgerRows, RowBatch, RowChange, RowHead, RowTile } from '@credence/ledger'
import type { DomainId } from '@credence/model'
import { mustBeOne, sql } from '../sql.ts'

const MOVED = 'ledger_moved'

const bytes = (row: Row | undefined, column: string): Uint8Array => (row?.[column] ?? new Uint8Array()) as Uint8Array

const headOf = (row: Row | undefined): RowHead => ({
  size: Number(row?.size ?? 0),
  root: bytes(row, 'root'),
  signature: bytes(row, 'signature'),
})

const batchOf = (row: Row): RowBatch => ({
  first: Number(row.first),
  size: Number(row.size),
  token: String(row.token),
  frame: bytes(row, 'frame'),
})

/** INVARIANT: the first statement, so that it waits for whoever writes before anything else is done. */
const replaceHead = (domain: DomainId, { from, to, writer }: RowChange): Statement =>
  mustBeOne(
    MOVED,
    `UPDATE ledger_heads SET size = ?, root = ?, signature = ?, turn = NULL
     WHERE domain = ? AND size = ? AND root = ? AND signature = ? AND (turn IS NULL OR turn = ?)`,
    to.size,
    to.root,
    to.signature,
    domain,
    from.size,
    from.root,
    from.signature,
    writer,
  )

const insertBatch = (domain: DomainId, { first, size, token, frame }: RowBatch): Statement =>
  sql(
    'INSERT INTO ledger_batches (domain, first, size, token, frame) VALUES (?, ?, ?, ?, ?)',
    domain,
    first,
    size,
    token,
    frame,
  )

const putTile = (domain: DomainId, { level, n, hashes }: RowTile): Statement =>
  sql(
    `INSERT INTO ledger_tiles (domain, level, n, hashes) VALUES (?, ?, ?, ?)
     ON CONFLICT (domain, level, n) DO UPDATE SET hashes = excluded.hashes`,
    domain,
    level,
    n,
    hashes,
  )

const takeTurn = (domain: DomainId, writer: string, instead = writer): Statement =>
  sql(
    'UPDATE ledger_heads SET turn = ? WHERE domain = ? AND (turn IS NULL OR turn = ? OR turn = ?)',
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
    const answers = await db.atomically([
      ...(turn === undefined ? [] : [takeTurn(domain, turn.writer, turn.instead)]),
      sql('SELECT size, root, signature, turn FROM ledger_heads WHERE domain = ?', domain),
      // NOTE: read after the head, so that it holds all that the head covers.
      sql(
        'SELECT first, size, token, frame FROM ledger_batches WHERE domain = ? AND first >= ? ORDER BY first LIMIT ?',
        domain,
        after,
        most,
      ),
    ])
    const [[head] = [], batches = []] = answers.slice(-2)
    const whose = head?.turn
    return {
      head: headOf(head),
      batches: batches.map(batchOf),
      turn: typeof whose === 'string' ? whose : undefined,
    }
  }

const commit =
  (db: Database, domain: DomainId): LedgerRows['commit'] =>
  async (change) => {
    try {
      await db.atomically([
        replaceHead(domain, change),
        insertBatch(domain, change.batch),
        ...change.tiles.map((tile) => putTile(domain, tile)),
      ])
      return true
    } catch (error) {
      if (error instanceof BatchConflict && error.conflict === MOVED) return false
      throw error
    }
  }

export const createLedgerRows = (db: Database, domain: DomainId): LedgerRows => ({
  begin: begin(db, domain),
  look: look(db, domain),
  commit: commit(db, domain),
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
