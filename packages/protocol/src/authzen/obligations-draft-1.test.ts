import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declaredSupport, readObligations, supportedObligations, UNREADABLE } from './obligations-draft-1.ts'

const notify = { id: 'o1', type: 'notification', properties: { to: 'a@b.example', body: 'Hello' } }

test('obligations are read, none is lost, and what cannot be read is one that nobody meets', () => {
  assert.deepEqual(readObligations(undefined), [])
  assert.deepEqual(readObligations({}), [])
  assert.deepEqual(readObligations({ obligations: [] }), [])
  assert.deepEqual(readObligations({ obligations: [notify] }), [notify])
  const other = { id: 'o2', type: 'x-watermark', properties: {} }
  assert.deepEqual(readObligations({ obligations: [notify, other] }), [notify, other])
  const broken: readonly unknown[] = [
    null,
    'notification',
    [],
    {},
    { ...notify, id: 7 },
    { ...notify, id: '' },
    { ...notify, type: undefined },
    { ...notify, properties: undefined },
    { ...notify, properties: [] },
    { ...notify, properties: { to: 'a@b.example' } },
    { ...notify, type: 'step-up' },
    { id: 'o1', type: 'session_termination', properties: { subject: 1 } },
  ]
  for (const one of broken) {
    const read = readObligations({ obligations: [{ ...notify, id: 'o0' }, one] })
    assert.deepEqual(
      read.map(({ type }) => type),
      ['notification', UNREADABLE],
      JSON.stringify(one),
    )
  }
  assert.deepEqual(
    readObligations({ obligations: [notify, notify] }).map(({ type }) => type),
    ['notification', UNREADABLE],
  )
  for (const obligations of [null, {}, 'none', 1, Array.from({ length: 65 }, () => notify)])
    assert.deepEqual(
      readObligations({ obligations }).map(({ type }) => type),
      [UNREADABLE],
    )
})

test('what one side declares counts only as far as the other side advertised it', () => {
  assert.deepEqual(declaredSupport(['notification', 'step-up'], ['step-up', 'custom']), ['step-up'])
  assert.deepEqual(declaredSupport(['notification'], undefined), [])
  assert.equal(supportedObligations({}, ['step-up']), undefined)
  assert.equal(supportedObligations({ supported_obligations: 'step-up' }, ['step-up']), undefined)
  assert.deepEqual(supportedObligations({ supported_obligations: ['step-up', 'made-up', 1] }, ['step-up']), ['step-up'])
})
