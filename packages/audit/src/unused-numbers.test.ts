import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { newId } from '@credence/kit'
import fc from 'fast-check'
import { checkRecord, encodeRecord } from './record.ts'
import { createRecorder } from './recorder.ts'
import { DOMAIN, handClock, leveredLedger, newIntent, newOutcome, random, tempLedger } from './testing/fixtures.ts'
import { explainedBy, unusedAlerts } from './unused-numbers.ts'
import { verifyAudit } from './verify.ts'

const recorded = (alert: object) => ({ v: 1, emitter: 'e', ...alert }) as never

const all = ([first, last]: readonly [number, number]): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n)

test('what the alerts say is read back, whatever the numbers', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 120 }), (numbers) => {
      const alerts = unusedAlerts(numbers)
      for (const { facts } of alerts) assert.ok(String(facts?.numbers).length <= 128)
      assert.deepEqual(
        alerts.flatMap((alert) => explainedBy(recorded(alert)).flatMap(all)).sort((a, b) => a - b),
        [...numbers].sort((a, b) => a - b),
      )
    }),
  )
  for (const numbers of ['x', '1-x', '-1', '', '5-1', '1-9999999999999999']) {
    assert.deepEqual(explainedBy(recorded({ kind: 'alert', code: 'numbers_unused', facts: { numbers } })), [])
  }
})

test('records that were refused leave numbers behind; the ledger verifies, and still shows a loss that nobody explains', async (t) => {
  const { ledger: inner, dir } = await tempLedger(t)
  const { ledger, levers } = leveredLedger(inner)
  const options = { ledger, clock: handClock(), random, domain: DOMAIN, emitter: 'authority', sweepMs: 0 }
  const recorder = await createRecorder({ ...options, retryMs: 5 })
  await recorder.intent(newIntent())
  levers.fail = true
  const failed = Array.from({ length: 5 }, () => recorder.intent(newIntent()))
  recorder.outcome(newOutcome('rec_x', 'opn_x'))
  for (const one of failed) await assert.rejects(one, { kind: 'unavailable' })
  levers.fail = false
  await recorder.drain()
  const between = await verifyAudit(dir, inner.verifierKey)
  assert.deepEqual(between.findings.filter(({ kind }) => kind === 'sequence_gap').length, 1)
  await recorder.close()
  const { findings } = await verifyAudit(dir, inner.verifierKey)
  assert.deepEqual(
    findings.filter(({ kind }) => kind === 'sequence_gap'),
    [],
  )
})

const written = async (
  t: TestContext,
  numbered: readonly (readonly [run: string, seq: number, numbers?: string])[],
) => {
  const { ledger, dir } = await tempLedger(t)
  const head = { v: 1, domain: DOMAIN, at: 1_000, kind: 'alert', reason: 'x' }
  for (const [run, seq, numbers] of numbered) {
    const more = numbers === undefined ? { code: 'x' } : { code: 'numbers_unused', facts: { numbers } }
    const record = { ...head, id: newId('rec', random), emitter: `authority#${run}`, seq, ...more }
    await ledger.append(encodeRecord(checkRecord(record)))
  }
  return verifyAudit(dir, ledger.verifierKey)
}

test('numbers are explained after they are missing, of the same emitter, and never in advance', async (t) => {
  const gaps = async (...numbered: (readonly [string, number, string?])[]) =>
    (await written(t, numbered)).findings.map(({ kind, detail }) => `${kind} ${detail}`)
  assert.deepEqual(await gaps(['a', 1], ['a', 6], ['a', 7, '2-5']), [])
  assert.deepEqual(await gaps(['a', 1], ['a', 9, '2-3,5-8'], ['a', 4]), [])
  assert.deepEqual(await gaps(['a', 1], ['a', 6], ['a', 7, '2-3,5']), ['sequence_gap authority#a: 4'])
  assert.deepEqual(await gaps(['a', 1, '2-99999'], ['a', 4]), ['sequence_gap authority#a: 2, 3'])
  assert.deepEqual(await gaps(['a', 1], ['a', 3], ['b', 1, '2']), ['sequence_gap authority#a: 2'])
  assert.deepEqual(await gaps(['a', 4], ['a', 5, '1-999999999999999']), [])
})

test('alerts that explain whatever there may be cost what they are long', async (t) => {
  const wide = '1-999999999999999,1-999999999999999,1-999999999999999,1-999999999999999'
  const verdict = await written(
    t,
    Array.from({ length: 200 }, (_, n) => [`run${n}`, 1, wide] as const),
  )
  assert.deepEqual([verdict.records, verdict.sound], [200, true])
})
