/** Which ledger of a database is copied is not for whoever can write its rows to say. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { migrate, openSqlite } from '@credence/db'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { openRowLedger, verifyLedger } from '@credence/ledger'
import { key, keys, ORIGIN } from '@credence/ledger/testing'
import { migrations } from '../migrations.ts'
import { sql } from '../sql.ts'
import { exportLedger } from './export.ts'
import { createLedgerRows } from './rows.ts'

test('beside the ledger that the key names, another is not verified instead of it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-export-'))
  const db = await openSqlite({ file: join(dir, 'test.db'), reserveBytes: 0 })
  t.after(async () => {
    await db.close()
    rmSync(dir, { recursive: true, force: true })
  })
  await migrate(db, migrations)
  const to = (name: string) => join(dir, name)
  await assert.rejects(exportLedger(db, to('none'), { key }), { code: 'ledger_none' })
  const domain = newId('dom', nodeRandom)
  const common = { origin: ORIGIN, signer: keys.privateKey, random: nodeRandom, clock: nodeClock, followMs: 0 }
  const log = await openRowLedger({ ...common, rows: createLedgerRows(db, domain) })
  await log.append(Buffer.from('one'))
  const decoy = async (name: string, origin: string) => {
    await db.atomically([
      sql(
        `INSERT INTO ledger_heads (domain, origin, first_signature, size, root, signature)
         SELECT ?, ?, first_signature, size, root, signature FROM ledger_heads WHERE domain = ?`,
        name,
        origin,
        domain,
      ),
      sql(
        `INSERT INTO ledger_batches (domain, first, size, token, frame)
         SELECT ?, first, size, token, frame FROM ledger_batches WHERE domain = ?`,
        name,
        domain,
      ),
    ])
  }
  await decoy('dom_0', 'another.example')
  await log.append(Buffer.from('two'))
  await exportLedger(db, to('one'), { key })
  assert.deepEqual([(await verifyLedger(to('one'), key)).sound, (await verifyLedger(to('one'), key)).size], [true, 2])
  await assert.rejects(exportLedger(db, to('which'), {}), { kind: 'refused', code: 'ledger_ambiguous' })
  await exportLedger(db, to('named'), { domain })
  await decoy('dom_1', ORIGIN)
  await assert.rejects(exportLedger(db, to('two'), { key }), { code: 'ledger_ambiguous', message: /dom_1/ })
  assert.ok(!existsSync(to('two')))
  await exportLedger(db, to('both'), { key, domain })
  await log.close()
})
