import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '@credence/kit'
import { createIntake } from './index.ts'
import { DOMAIN, newIntent, random, reopen, tempLedger } from './testing/fixtures.ts'

const record = (more: object = {}) => ({
  v: 1,
  id: newId('rec', random),
  domain: DOMAIN,
  at: 1,
  emitter: 'gateway#run',
  seq: 1,
  ...newIntent(),
  ...more,
})
const may = { emitterAllowed: (name: string) => name === 'gateway' }

test('each rule of the intake refuses alone, and the good record beside it is taken', async (t) => {
  const { ledger } = await tempLedger(t)
  const intake = await createIntake({ ledger, domain: DOMAIN })
  const cases: [object | unknown, string][] = [
    [record({ domain: newId('dom', random) }), 'record_other_domain'],
    [record({ domain: 'dom_x' }), 'record_malformed'],
    [record({ emitter: 'authority#run' }), 'record_emitter'],
    [record({ emitter: 'gateway2' }), 'record_emitter'],
    [record({ extra: 1 }), 'record_malformed'],
    [record({ seq: 0 }), 'record_malformed'],
    [record({ kind: 'reduction' }), 'record_malformed'],
    [record({ name: `Bearer ${'a'.repeat(40)}` }), 'record_has_secret'],
    [record({ resource: 'x'.repeat(2_048), client: 'y'.repeat(2_048) }), 'record_too_large'],
    ['text', 'record_malformed'],
    [null, 'record_malformed'],
  ]
  const { kind: _kind, ...base } = record()
  const epoch = {
    v: 1,
    id: base.id,
    domain: DOMAIN,
    at: 1,
    emitter: 'gateway#run',
    seq: 1,
    kind: 'epoch',
    epoch: 2,
    reason: 'no',
  }
  cases.push([epoch, 'record_kind'])
  const answers = await intake.acceptRecords([...cases.map(([value]) => value), record()], may)
  for (const [i, [, code]] of cases.entries()) {
    const answer = answers[i]
    assert.ok(answer !== undefined && !answer.ok, `case ${i}`)
    assert.equal(answer.code, code)
  }
  assert.equal(answers.at(-1)?.ok, true)
  assert.equal(ledger.size(), 1)
  for (const batch of [{}, [], 'x', Array.from({ length: 1_001 }, () => record())]) {
    await assert.rejects(intake.acceptRecords(batch, may), { code: 'records_malformed' })
  }
})

test('the same record a hundred times at once is one entry; the same id with other content is a conflict', async (t) => {
  const { ledger, dir } = await tempLedger(t)
  const intake = await createIntake({ ledger, domain: DOMAIN })
  const one = record()
  const answers = (await Promise.all(Array.from({ length: 100 }, () => intake.acceptRecords([one], may)))).flat()
  assert.equal(ledger.size(), 1)
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  const [conflict] = await intake.acceptRecords([{ ...one, name: 'other' }], may)
  assert.deepEqual(conflict, { id: one.id, ok: false, code: 'record_conflict', retry: false })
  await ledger.close()
  const again = await reopen(dir)
  const restarted = await createIntake({ ledger: again, domain: DOMAIN })
  assert.deepEqual((await restarted.acceptRecords([one], may))[0], answers[0])
  assert.equal(again.size(), 1)
  await again.close()
})
