/** The ledger's rows on real databases, under the contract that files pass too. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, migrate, openSqlite } from '@credence/db'
import { testSchema } from '@credence/db/testing'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { openRowLedger } from '@credence/ledger'
import { key, keys, type LogUnderTest, ledgerContract, ORIGIN } from '@credence/ledger/testing'
import { migrations } from '../migrations.ts'
import { exportLedger } from './export.ts'
import { createLedgerRows } from './rows.ts'

const under = async (db: Database, closeDb: () => Promise<void>): Promise<LogUnderTest> => {
  await migrate(db, migrations)
  const dir = mkdtempSync(join(tmpdir(), 'credence-rows-'))
  const domain = newId('dom', nodeRandom)
  const rows = createLedgerRows(db, domain)
  return {
    open: (more = {}) =>
      openRowLedger({ rows, origin: ORIGIN, signer: keys.privateKey, random: nodeRandom, clock: nodeClock, ...more }),
    files: async () => {
      const copy = join(dir, `copy-${newId('rec', nodeRandom)}`)
      await exportLedger(db, copy, { domain, key })
      return copy
    },
    close: async () => {
      await closeDb()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

ledgerContract('rows on SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-rows-db-'))
  const db = await openSqlite({ file: join(dir, 'test.db'), reserveBytes: 0 })
  return under(db, async () => {
    await db.close()
    rmSync(dir, { recursive: true, force: true })
  })
})

ledgerContract('rows on PostgreSQL', async () => {
  const server = testSchema()
  return under(await server.open(), () => server.close())
})
