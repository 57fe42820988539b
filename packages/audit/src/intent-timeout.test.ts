import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecord } from './record.ts'
import { createRecorder } from './recorder.ts'
import { DOMAIN, handClock, leveredLedger, newIntent, random, tempLedger, until } from './testing/fixtures.ts'

test('an intent that the ledger takes too long for is refused; should it arrive, it says that nothing was released', async (t) => {
  const { ledger, levers, release } = leveredLedger((await tempLedger(t)).ledger)
  const recorder = await createRecorder({
    ledger,
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'authority/one',
    sweepMs: 0,
    intentTimeoutMs: 30,
  })
  await recorder.intent(newIntent())
  levers.hold = true
  await assert.rejects(recorder.intent(newIntent()), { kind: 'unavailable', code: 'record_timeout' })
  const owed = recorder.reduction({
    kind: 'reduction',
    keys: ['grant:g'],
    by: { iss: 'i', sub: 's' },
    reason: 'r',
    feed: 1,
  })
  release()
  await owed
  await until(() => ledger.size() === 4)
  const records = []
  for await (const { entry } of ledger.entries(0, ledger.size())) records.push(decodeRecord(entry))
  const late = records.find((record) => record.kind === 'outcome')
  assert.deepEqual(
    [late?.kind === 'outcome' && late.code, late?.kind === 'outcome' && late.intent],
    ['not_released', records[1]?.id],
  )
  assert.deepEqual(records.map(({ seq }) => seq).sort(), [1, 2, 3, 4])
  await recorder.intent(newIntent())
  await recorder.close()
})
