import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAuditIndex, createRecorder, plainText, renderTrace, trace, verifyAudit } from './index.ts'
import { DOMAIN, handClock, newIntent, newOutcome, newRefusal, random, tempLedger } from './testing/fixtures.ts'

const scenario = async (t: Parameters<typeof tempLedger>[0]) => {
  const { ledger, dir } = await tempLedger(t)
  const clock = handClock()
  const recorder = await createRecorder({ ledger, clock, random, domain: DOMAIN, emitter: 'authority', sweepMs: 0 })
  const intent = newIntent({ trace: '0af7651916cd43dd8448eb211c80319c' })
  const { id } = await recorder.intent(intent)
  recorder.outcome(newOutcome(id, intent.operation))
  await recorder.drain()
  recorder.refusal(newRefusal())
  await recorder.drain()
  clock.at += 1_500
  await recorder.reduction({
    kind: 'reduction',
    feed: 7,
    keys: ['grant:grt_1'],
    by: { iss: 'i', sub: 'owner' },
    reason: 'stolen',
  })
  await recorder.reduction({
    kind: 'reduction',
    feed: 8,
    keys: ['grant:grt_2'],
    by: { iss: 'i', sub: 'owner' },
    reason: 'other',
  })
  await recorder.intent(
    newIntent({
      txn: 'txn_2',
      grant: 'grt_2',
      jti: 'jti_2',
      client: 'agt_two',
      actors: [],
      subject: { iss: 'i', sub: 'bob' },
    }),
  )
  await recorder.close()
  return { ledger, dir, id, operation: intent.operation }
}

test('a refusal is found by the id of its decision', async (t) => {
  const { ledger } = await tempLedger(t)
  const recorder = await createRecorder({
    ledger,
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'a',
    sweepMs: 0,
  })
  recorder.refusal(newRefusal({ decision: { id: 'dec_no', policies: [], version: 'v', reason: 'No.' } }))
  recorder.refusal(newRefusal({ txn: 'txn_other', grant: 'grt_other' }))
  await recorder.close()
  const found = await createAuditIndex(ledger).trace('dec_no')
  assert.deepEqual(
    found.map(({ index }) => index),
    [0],
  )
})

test('one task: who for whom, what, decided by what, how it ended, what cut it short, and nothing of another task', async (t) => {
  const { ledger, id, operation } = await scenario(t)
  const index = createAuditIndex(ledger)
  for (const word of ['txn_1', 'jti_1', id, operation, '0af7651916cd43dd8448eb211c80319c']) {
    const tree = trace(await index.trace(word), word)
    assert.deepEqual([tree.calls, tree.refusals, tree.reductions], [1, 1, 1], word)
    assert.equal(tree.branches.length, 1)
    assert.deepEqual(
      tree.branches[0]?.steps.map(({ type }) => type),
      ['call', 'refusal', 'reduction'],
    )
    assert.deepEqual(tree.alerts, [])
  }
  const text = renderTrace(trace(await index.trace('txn_1'), 'txn_1'))
  for (const part of [
    'usr_alice',
    'agt_one',
    'own_team',
    'read_file',
    'policy readers',
    'v1hash',
    'done in 12 ms',
    'REFUSED not_granted',
    'REVOKED',
    'grant:grt_1',
    '#0 #1',
  ]) {
    assert.ok(text.includes(part), part)
  }
  assert.ok(!text.includes('bob') && !text.includes('grt_2'))
  const other = trace(await index.trace('txn_2'), 'txn_2')
  assert.deepEqual(other.alerts, ['#5 has no outcome'])
  assert.ok(renderTrace(other).includes('NO OUTCOME'))
  assert.ok(renderTrace(trace([], 'nothing')).startsWith('Nothing is recorded'))
})

test('the index is bounded and still finds what is older than its memory', async (t) => {
  const { ledger } = await scenario(t)
  const index = createAuditIndex(ledger, { limit: 2 })
  assert.equal((await index.trace('txn_1')).length, 4)
  assert.deepEqual(
    (await index.tail(2)).map(({ index: at }) => at),
    [4, 5],
  )
  assert.deepEqual(
    (await index.byKind('reduction', 5)).map(({ index: at }) => at),
    [4],
  )
})

test('nothing in a record reaches the terminal as control', async (t) => {
  const evil = '\u001b[2J\u001b]0;owned\u0007\r\n└─ granted \u202egnitirw\u2028\u0000\u009b31m'
  const { ledger } = await tempLedger(t)
  const recorder = await createRecorder({
    ledger,
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'a',
    sweepMs: 0,
  })
  await recorder.intent(
    newIntent({
      name: evil,
      client: evil,
      subject: { iss: evil, sub: evil },
      decision: { id: 'd', policies: [evil], version: evil, reason: evil },
    }),
  )
  recorder.refusal(newRefusal({ name: evil, reason: evil, code: evil, resource: evil }))
  await recorder.reduction({
    kind: 'reduction',
    feed: 1,
    keys: ['grant:grt_1'],
    by: { iss: evil, sub: evil },
    reason: evil,
  })
  await recorder.close()
  const text = renderTrace(trace(await createAuditIndex(ledger).trace('txn_1'), 'txn_1'))
  assert.ok(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text.replaceAll('\n', '')))
  assert.ok(text.split('\n').length <= 12)
})

test('plainText never lets a control or invisible mark through, and stays within its bound', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (value) => {
      const shown = plainText(value)
      assert.ok(!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(shown))
      assert.ok(shown.length <= 120)
    }),
  )
})

test('verifyAudit tells sound bytes from records that make sense', async (t) => {
  const { ledger, dir } = await scenario(t)
  await ledger.append(Buffer.from('{"not":"a record"}'))
  const recorder = await createRecorder({
    ledger,
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'b',
    sweepMs: 0,
  })
  recorder.outcome(newOutcome('rec_AAAAAAAAAAAAAAAAAAAAAA', 'opn_x'))
  await recorder.close()
  const verdict = await verifyAudit(dir, ledger.verifierKey, { domain: DOMAIN })
  assert.equal(verdict.ledger.sound, true)
  assert.equal(verdict.sound, false)
  assert.deepEqual(verdict.findings.map(({ kind }) => kind).sort(), ['malformed', 'no_intent', 'no_outcome'])
  const foreign = await verifyAudit(dir, ledger.verifierKey, { domain: 'dom_other' })
  assert.ok(foreign.findings.some(({ kind }) => kind === 'other_domain'))
})

test('two traces of one call are joined by either and are an alert', async (t) => {
  const { ledger } = await tempLedger(t)
  const recorder = await createRecorder({
    ledger,
    clock: handClock(),
    random,
    domain: DOMAIN,
    emitter: 'a',
    sweepMs: 0,
  })
  const [header, meta] = ['a', 'b'].map((digit) => digit.repeat(32))
  const intent = newIntent({ trace: header ?? '', facts: { meta_trace: meta ?? '' } })
  const { id } = await recorder.intent(intent)
  recorder.outcome(newOutcome(id, intent.operation))
  await recorder.close()
  for (const hint of [header, meta]) {
    const found = trace(await createAuditIndex(ledger).trace(hint ?? ''), hint ?? '')
    assert.equal(found.calls, 1)
    assert.deepEqual(found.alerts, [`#0 came with trace ${header} in HTTP and ${meta} in the message`])
  }
})
