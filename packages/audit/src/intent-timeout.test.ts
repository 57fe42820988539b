import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unavailable } from '@credence/kit'
import { decodeRecord } from './record.ts'
import { createRecorder } from './recorder.ts'
import { DOMAIN, handClock, leveredLedger, newIntent, random, tempLedger, until } from './testing/fixtures.ts'
import { verifyAudit } from './verify.ts'

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

for (const [how, code, again] of [
  ['was not recorded, its number is used again', 'ledger_unavailable', true],
  ['may have been recorded, its number is not used again', 'ledger_unsettled', false],
] as const) {
  test(`an intent that took too long, and of which it is then known that it ${how}`, async (t) => {
    const { ledger: inner, dir } = await tempLedger(t)
    const held = Promise.withResolvers<never>()
    let hold = false
    const ledger = {
      ...leveredLedger(inner).ledger,
      append: (entry: Uint8Array) => (hold ? held.promise : inner.append(entry)),
    }
    const options = { ledger, clock: handClock(), random, domain: DOMAIN, emitter: 'authority/one', sweepMs: 0 }
    const recorder = await createRecorder({ ...options, intentTimeoutMs: 30 })
    await recorder.intent(newIntent())
    hold = true
    await assert.rejects(recorder.intent(newIntent()), { code: 'record_timeout' })
    hold = false
    await recorder.intent(newIntent())
    held.reject(unavailable(code, 'x'))
    await new Promise((resolve) => setTimeout(resolve, 10))
    await recorder.intent(newIntent())
    const seqs: number[] = []
    for await (const { entry } of inner.entries(0, inner.size())) seqs.push(decodeRecord(entry).seq)
    assert.deepEqual(seqs, again ? [1, 3, 2] : [1, 3, 4])
    await recorder.close()
    const { findings } = await verifyAudit(dir, inner.verifierKey)
    assert.equal(findings.filter(({ kind }) => kind === 'sequence_gap').length, again ? 0 : 1)
  })
}
