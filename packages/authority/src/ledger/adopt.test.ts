/** A ledger that was in files when the database became its place. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { openLedger, openRowLedger } from '@credence/ledger'
import { entryOf, keys, MemoryRows, ORIGIN } from '@credence/ledger/testing'
import { adoptFiles } from './adopt.ts'

const common = { origin: ORIGIN, signer: keys.privateKey }

const filled = async (t: TestContext): Promise<{ dir: string; checkpoint: string }> => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-adopt-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const log = await openLedger({ dir, ...common })
  await Promise.all(Array.from({ length: 600 }, (_, n) => log.append(entryOf(n))))
  await log.close()
  return { dir, checkpoint: log.checkpoint() }
}

const opener =
  (rows: MemoryRows, more: object = {}) =>
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

test('one that was taken over in part is taken over to its end', async (t) => {
  const { dir, checkpoint } = await filled(t)
  const open = opener(new MemoryRows())
  const old = await openLedger({ dir, ...common })
  const half = await open()
  await half.adopt({ size: () => 256, entries: (from, to) => old.entries(from, to) })
  await half.close()
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
