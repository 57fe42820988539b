/** One contract, two recorders: in front of the ledger, and over a network to where it is. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isId, toBase64url, unavailable } from '@credence/kit'
import type { EmbeddedLedger } from '@credence/ledger'
import type { LedgerRecord } from '@credence/model'
import { leafHash } from '@credence/protocol/rfc9162'
import {
  type Alert,
  type AuditRecorder,
  createIntake,
  createNetworkRecorder,
  createRecorder,
  decodeRecord,
  type RecorderTuning,
  verifyAudit,
} from './index.ts'
import {
  DOMAIN,
  handClock,
  leveredLedger,
  newIntent,
  newOutcome,
  newRefusal,
  random,
  reopen,
  tempLedger,
  until,
} from './testing/fixtures.ts'

type Levered = ReturnType<typeof leveredLedger>
interface Subject {
  readonly recorder: AuditRecorder
  readonly levers: Levered['levers']
  readonly release: () => void
  readonly ledger: EmbeddedLedger
  readonly dir: string
  readonly clock: ReturnType<typeof handClock>
  readonly alerts: Alert[]
}
type Make = (t: TestContext, tuning?: RecorderTuning) => Promise<Subject>

/** INVARIANT: a test that fails leaves no recorder behind that tries for ever. */
const endWith = (t: TestContext, recorder: Pick<AuditRecorder, 'close'>, levers: { fail: boolean }): void =>
  t.after(() => {
    levers.fail = false
    return recorder.close()
  })

const embedded: Make = async (t, tuning) => {
  const { ledger: inner, dir } = await tempLedger(t)
  const { ledger, levers, release } = leveredLedger(inner)
  const [clock, alerts] = [handClock(), [] as Alert[]]
  const onAlert = (alert: Alert) => alerts.push(alert)
  const recorder = await createRecorder({
    ledger,
    clock,
    random,
    domain: DOMAIN,
    emitter: 'authority',
    retryMs: 20,
    sweepMs: 10,
    onAlert,
    ...tuning,
  })
  endWith(t, recorder, levers)
  return { recorder, levers, release, ledger: inner, dir, clock, alerts }
}

const network: Make = async (t, tuning) => {
  const { ledger: inner, dir } = await tempLedger(t)
  const { ledger, levers, release } = leveredLedger(inner)
  const intake = await createIntake({ ledger, domain: DOMAIN })
  const [clock, alerts] = [handClock(), [] as Alert[]]
  const recorder = createNetworkRecorder({
    send: async (records) => {
      const body: unknown = JSON.parse(JSON.stringify({ records }))
      return intake.acceptRecords((body as { records: unknown }).records, {
        emitterAllowed: (name) => name === 'gateway',
      })
    },
    clock,
    random,
    domain: DOMAIN,
    emitter: 'gateway',
    retryMs: 20,
    sweepMs: 10,
    // Long enough for a crowded machine; where the ledger fails, a test waits for it.
    intentTimeoutMs: 1_500,
    onAlert: (alert) => alerts.push(alert),
    ...tuning,
  })
  endWith(t, recorder, levers)
  return { recorder, levers, release, ledger: inner, dir, clock, alerts }
}

const records = async (ledger: EmbeddedLedger): Promise<LedgerRecord[]> => {
  const all: LedgerRecord[] = []
  for await (const { entry } of ledger.entries(0, ledger.size())) all.push(decodeRecord(entry))
  return all
}

for (const [name, make] of [
  ['embedded', embedded],
  ['network', network],
] as const) {
  test(`${name}: an intent is durable when it is acknowledged, with index and leaf`, async (t) => {
    const { recorder, ledger } = await make(t)
    const receipt = await recorder.intent(newIntent())
    assert.ok(isId('rec', receipt.id))
    const entry = await ledger.entry(receipt.index)
    assert.equal(receipt.leaf, toBase64url(leafHash(entry)))
    assert.equal(decodeRecord(entry).id, receipt.id)
    await recorder.close()
  })

  test(`${name}: many at once, with outcomes and refusals, leave no gap and no loose end`, async (t) => {
    const { recorder, ledger, dir } = await make(t)
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const intent = newIntent()
        const { id } = await recorder.intent(intent)
        recorder.outcome(newOutcome(id, intent.operation))
        if (i % 3 === 0) recorder.refusal(newRefusal())
      }),
    )
    await recorder.drain()
    assert.equal(recorder.backlog(), 0)
    assert.deepEqual(recorder.openIntents(), [])
    const all = await records(ledger)
    assert.equal(all.length, 467)
    assert.deepEqual(
      all.map(({ seq }) => seq).sort((a, b) => a - b),
      all.map((_, i) => i + 1),
    )
    await ledger.publish()
    const verdict = await verifyAudit(dir, ledger.verifierKey, { domain: DOMAIN })
    assert.deepEqual([verdict.sound, verdict.findings], [true, []])
    await recorder.close()
  })

  test(`${name}: while the ledger cannot write, intents are refused and outcomes wait; afterwards nothing is missing`, async (t) => {
    const { recorder, levers, ledger } = await make(t)
    const intent = newIntent()
    const { id } = await recorder.intent(intent)
    levers.fail = true
    recorder.outcome(newOutcome(id, intent.operation))
    await assert.rejects(recorder.intent(newIntent()), { kind: 'unavailable' })
    await until(() => recorder.backlog() > 0)
    levers.fail = false
    await until(() => recorder.backlog() === 0)
    const all = await records(ledger)
    assert.ok(all.some((record) => record.kind === 'outcome' && record.intent === id))
    for (const record of all) {
      if (record.kind !== 'intent' || record.id === id) continue
      assert.ok(all.some((end) => end.kind === 'outcome' && end.intent === record.id && end.code === 'not_released'))
    }
    await recorder.close()
  })

  test(`${name}: a full backlog refuses intents, and at twice its bound outcomes are given up aloud`, async (t) => {
    const { recorder, levers, release, alerts } = await make(t, { maxBacklog: 5 })
    levers.hold = true
    for (let i = 0; i < 12; i += 1) recorder.refusal(newRefusal())
    assert.equal(recorder.backlog(), 10)
    assert.equal(alerts.filter(({ kind }) => kind === 'lost').length, 2)
    await assert.rejects(recorder.intent(newIntent()), { code: 'record_backlog', kind: 'unavailable' })
    release()
    await until(() => recorder.backlog() === 0)
    await recorder.intent(newIntent())
    await recorder.close()
  })

  test(`${name}: an intent without outcome past its deadline is an alert, once`, async (t) => {
    const { recorder, clock, alerts } = await make(t)
    const { id } = await recorder.intent(newIntent())
    assert.deepEqual(
      recorder.openIntents().map(({ overdue }) => overdue),
      [false],
    )
    clock.at += 60_000
    await until(() => alerts.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 40))
    assert.deepEqual(
      alerts.map((alert) => alert.kind === 'overdue' && alert.intent.id),
      [id],
    )
    await recorder.close()
  })

  test(`${name}: no token is recorded; an intent with one is refused, a refusal is recorded without it`, async (t) => {
    const { recorder, ledger } = await make(t)
    const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'
    await assert.rejects(recorder.intent(newIntent({ name: token })), { code: 'record_has_secret' })
    recorder.refusal(newRefusal({ name: token, reason: 'x'.repeat(9_000) }))
    await recorder.intent(newIntent())
    await recorder.drain()
    const text = (await records(ledger)).map((record) => JSON.stringify(record)).join()
    assert.ok(!text.includes('eyJ') && text.includes('[withheld]'))
    await recorder.close()
  })

  test(`${name}: an alert is a record, cut where it is too long`, async (t) => {
    const { recorder, ledger } = await make(t)
    recorder.alert({ kind: 'alert', code: 'engines_disagree', reason: 'x'.repeat(9_000), facts: { ours: 'allow' } })
    await recorder.drain()
    const [found] = await records(ledger)
    assert.ok(found?.kind === 'alert' && found.reason.length === 1_024)
    assert.deepEqual([found.code, found.facts], ['engines_disagree', { ours: 'allow' }])
  })

  test(`${name}: after close nothing is taken`, async (t) => {
    const { recorder } = await make(t)
    await recorder.close()
    await assert.rejects(recorder.intent(newIntent()), { code: 'recorder_closed' })
  })
}

test('what an outbox owed is written once, however often it is settled, also across a restart', async (t) => {
  const { ledger, dir } = await tempLedger(t)
  const options = { clock: handClock(), random, domain: DOMAIN, emitter: 'authority', sweepMs: 0 }
  const first = await createRecorder({ ledger, ...options })
  const reduction = {
    kind: 'reduction' as const,
    feed: 3,
    keys: ['grant:grt_1'],
    by: { iss: 'i', sub: 's' },
    reason: 'stolen',
  }
  const id = 'rec_AAAAAAAAAAAAAAAAAAAAAA'
  const receipt = await first.reduction(reduction, id)
  assert.deepEqual(await first.reduction(reduction, id), receipt)
  const open = await first.intent(newIntent())
  await first.close()
  await ledger.close()
  const again = await reopen(dir)
  const second = await createRecorder({ ledger: again, ...options })
  assert.deepEqual(await second.reduction(reduction, id), receipt)
  assert.equal(again.size(), 2)
  assert.deepEqual(
    second.openIntents().map((intent) => intent.id),
    [open.id],
  )
  await second.close()
  await again.close()
})

test('network: a batch whose answer was lost is sent again and recorded once', async (t) => {
  const { ledger } = await tempLedger(t)
  const intake = await createIntake({ ledger, domain: DOMAIN })
  let calls = 0
  const recorder = createNetworkRecorder({
    send: async (batch) => {
      calls += 1
      const answers = await intake.acceptRecords(batch, { emitterAllowed: () => true })
      if (calls === 1) throw new Error('connection reset')
      return answers
    },
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'gateway',
    retryMs: 5,
  })
  const receipt = await recorder.intent(newIntent())
  assert.deepEqual([calls, ledger.size(), receipt.index], [2, 1, 0])
  await recorder.close()
})

test('network: an authority that does not answer in time refuses intents; what may arrive is closed as not released', async (t) => {
  const { ledger } = await tempLedger(t)
  const intake = await createIntake({ ledger, domain: DOMAIN })
  let up = false
  const recorder = createNetworkRecorder({
    send: (batch) => {
      if (!up) throw unavailable('down', 'down')
      return intake.acceptRecords(batch, { emitterAllowed: () => true })
    },
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'gateway',
    retryMs: 5,
    intentTimeoutMs: 40,
  })
  await assert.rejects(recorder.intent(newIntent()), { code: 'record_timeout', kind: 'unavailable' })
  up = true
  await recorder.drain()
  const all = await records(ledger)
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['intent', 'outcome'],
  )
  await recorder.close()
})
