/** Two authorities take the records of one gateway into one ledger. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { newId } from '@credence/kit'
import { nodeClock } from '@credence/kit/node'
import { openRowLedger } from '@credence/ledger'
import { MemoryRows } from '@credence/ledger/testing'
import { createIntake } from './intake.ts'
import { decodeRecord } from './record.ts'
import { DOMAIN, newIntent, random } from './testing/fixtures.ts'

const recordOf = (id: string, more: object = {}) => ({
  ...newIntent(more),
  ...{ v: 1, id, domain: DOMAIN, at: 1_700_000_000_000, emitter: 'agt_gateway#run', seq: 1 },
})

test('a batch that is sent again through the other one is recorded once; another record of that id is a conflict', async () => {
  const rows = new MemoryRows()
  const keys = generateKeyPairSync('ed25519')
  const open = () =>
    openRowLedger({
      rows,
      origin: 'audit.example',
      signer: keys.privateKey,
      random,
      clock: nodeClock,
      followMs: 0,
      sameBy: (entry) => decodeRecord(entry).id,
    })
  const ledgers = [await open(), await open()] as const
  const [one, two] = await Promise.all(ledgers.map((ledger) => createIntake({ ledger, domain: DOMAIN })))
  if (one === undefined || two === undefined) throw new Error('no intake')
  const may = { emitterAllowed: () => true }
  const records = Array.from({ length: 20 }, () => recordOf(newId('rec', random)))
  const [here, there] = await Promise.all([one.acceptRecords(records, may), two.acceptRecords(records, may)])
  assert.deepEqual(here, there)
  assert.ok(here.every(({ ok }) => ok))
  await ledgers[0].refresh()
  assert.equal(ledgers[0].size(), 20)

  const [forged] = await two.acceptRecords([recordOf(newId('rec', random), { name: 'read_file' })], may)
  const id = forged?.id ?? ''
  const [conflict] = await one.acceptRecords([recordOf(id, { name: 'delete_file' })], may)
  assert.deepEqual(conflict, { id, ok: false, code: 'record_conflict', retry: false })
  assert.equal(decodeRecord(await ledgers[1].entry(20)).id, id)
  for (const ledger of ledgers) await ledger.close()
})
