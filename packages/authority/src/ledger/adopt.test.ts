/** A ledger that was in files when the database became its place. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Database, migrate, openSqlite } from '@credence/db'
import { testSchema } from '@credence/db/testing'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { type LedgerRows, openLedger, openRowLedger, type RowLedger } from '@credence/ledger'
import { entryOf, keys, MemoryRows, ORIGIN } from '@credence/ledger/testing'
import { migrations } from '../migrations.ts'
import { adoptFiles } from './adopt.ts'
import { createLedgerRows } from './rows.ts'

const common = { origin: ORIGIN, signer: keys.privateKey }

const filled = async (t: TestContext, other = 0): Promise<{ dir: string; checkpoint: string }> => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-adopt-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const log = await openLedger({ dir, ...common })
  await Promise.all(Array.from({ length: 600 }, (_, n) => log.append(entryOf(n < 256 ? n : n + other))))
  await log.close()
  return { dir, checkpoint: log.checkpoint() }
}

const opener =
  (rows: LedgerRows, more: object = {}) =>
  () =>
    openRowLedger({ rows, ...common, random: nodeRandom, clock: nodeClock, followMs: 0, ...more })

test('it is taken over whole, once, and what was published of it stays evidence', async (t) => {
  const { dir, checkpoint } = await filled(t)
  const open = opener(new MemoryRows())
  await adoptFiles(dir, common, open)
  const log = await opener(new MemoryRows())()
  await log.close()
  const again = await open()
  assert.equal(again.checkpoint(), checkpoint)
  assert.ok(!existsSync(join(dir, 'segments')) && existsSync(join(dir, 'segments.in-database')))
  await again.append(entryOf(600))
  await again.close()
  await adoptFiles(dir, common, () => assert.fail('there is nothing to take over'))
  const checkpointFile = join(dir, 'checkpoint')
  await assert.rejects(opener(new MemoryRows(), { checkpointFile })(), { code: 'ledger_truncated' })
})

const dies = async (old: Pick<RowLedger, 'entries' | 'checkpoint'>, open: () => Promise<RowLedger>): Promise<void> => {
  async function* some(from: number, to: number) {
    for await (const one of old.entries(from, to)) {
      if (one.index === 300) throw new Error('power is gone')
      yield one
    }
  }
  const half = await open()
  await assert.rejects(half.adopt({ checkpoint: () => old.checkpoint(), entries: some }, 'node 1'), /power is gone/)
  assert.equal(half.size(), 256)
  await half.close()
}

const onDatabase = async (db: Database) => {
  await migrate(db, migrations)
  return createLedgerRows(db, newId('dom', nodeRandom))
}

const places: Record<string, (t: TestContext) => Promise<LedgerRows>> = {
  memory: async () => new MemoryRows(),
  SQLite: async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'credence-adopt-db-'))
    const db = await openSqlite({ file: join(dir, 'test.db'), reserveBytes: 0 })
    t.after(async () => {
      await db.close()
      rmSync(dir, { recursive: true, force: true })
    })
    return onDatabase(db)
  },
  PostgreSQL: async (t) => {
    const server = testSchema()
    t.after(() => server.close())
    return onDatabase(await server.open())
  },
}

for (const [place, rowsOf] of Object.entries(places)) {
  test(`while a takeover is not finished nobody appends anything else (${place})`, async (t) => {
    const { dir } = await filled(t)
    const open = opener(await rowsOf(t))
    const early = await open()
    const old = await openLedger({ dir, ...common })
    await dies(old, open)
    const late = await open()
    for (const other of [late, early, late]) {
      await assert.rejects(other.append(entryOf(9)), { code: 'ledger_unfinished', message: /600 entries.*node 1/ })
      assert.deepEqual([other.size(), other.problem()], [256, 'ledger_unfinished'])
    }
    const another = await filled(t, 700)
    await assert.rejects(adoptFiles(another.dir, common, open), { code: 'ledger_unfinished' })
    assert.ok(existsSync(join(another.dir, 'segments')))
    await old.append(entryOf(600))
    await old.close()
    await adoptFiles(dir, common, open)
    assert.equal((await late.append(entryOf(601))).index, 601)
    assert.equal(late.problem(), undefined)
    assert.equal((await early.append(entryOf(602))).index, 602)
    for (const log of [early, late]) await log.close()
  })
}

test('one that was taken over in part is taken over to its end', async (t) => {
  const { dir, checkpoint } = await filled(t)
  const open = opener(new MemoryRows())
  const old = await openLedger({ dir, ...common })
  await dies(old, open)
  await old.close()
  await adoptFiles(dir, common, open)
  assert.equal((await open()).checkpoint(), checkpoint)
})

test('a database that holds another history is refused, and the files stay', async (t) => {
  const { dir } = await filled(t)
  const open = opener(new MemoryRows())
  const other = await open()
  await other.append(entryOf(7))
  await other.close()
  await assert.rejects(adoptFiles(dir, common, open), { kind: 'refused', code: 'ledger_forked' })
  assert.ok(existsSync(join(dir, 'segments')))
})
