import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRecorder } from './recorder.ts'
import { DOMAIN, handClock, leveredLedger, newIntent, newOutcome, random, tempLedger } from './testing/fixtures.ts'
import { explainedBy, unusedAlerts } from './unused-numbers.ts'
import { verifyAudit } from './verify.ts'

const recorded = (alert: object) => ({ v: 1, emitter: 'e', ...alert }) as never

test('what the alerts say is read back, whatever the numbers', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 120 }), (numbers) => {
      const alerts = unusedAlerts(numbers)
      for (const { facts } of alerts) assert.ok(String(facts?.numbers).length <= 128)
      assert.deepEqual(
        alerts.flatMap((alert) => explainedBy(recorded(alert))).sort((a, b) => a - b),
        [...numbers].sort((a, b) => a - b),
      )
    }),
  )
  for (const numbers of ['x', '1-x', '-1', '', '5-1', '1-999999999999']) {
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
