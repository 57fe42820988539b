import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '@credence/kit/testing'
import { createAddressRate, sourceOf } from './address-rate.ts'

test('as many at once as the bucket holds, then as many as flow in; others are not concerned', () => {
  const clock = handClock()
  const take = createAddressRate({ clock, perSecond: 2, burst: 3 })
  for (let at = 0; at < 3; at++) take('1.2.3.4')
  assert.throws(() => take('1.2.3.4'), { code: 'rate_exceeded', status: 429, headers: { 'Retry-After': '1' } })
  take('1.2.3.5')
  clock.advance(500)
  take('1.2.3.4')
  assert.throws(() => take('1.2.3.4'))
  clock.advance(3_600_000)
  for (let at = 0; at < 3; at++) take('1.2.3.4')
  assert.throws(() => take('1.2.3.4'), 'a long pause fills no more than the bucket')
})

test('a slow rate says how long to wait', () => {
  const take = createAddressRate({ clock: handClock(), perSecond: 0.1, burst: 1 })
  take('a')
  assert.throws(() => take('a'), { headers: { 'Retry-After': '10' } })
})

test('memory is bounded, and whoever asks again and again is not forgotten', () => {
  const take = createAddressRate({ clock: handClock(), perSecond: 1, burst: 2, remembered: 10 })
  take('busy')
  take('busy')
  for (let at = 0; at < 1_000; at++) {
    take(`10.0.${at >> 8}.${at & 255}`)
    if (at % 5 === 0) assert.throws(() => take('busy'))
  }
})

test('a network of IPv6 is one source, however its addresses are written', () => {
  const same = ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:DB8:1:2::', '2001:0db8:0001:0002::5%eth0']
  assert.deepEqual([...new Set(same.map(sourceOf))], ['2001:db8:1:2::/64'])
  assert.equal(sourceOf('::1'), '0:0:0:0::/64')
  assert.notEqual(sourceOf('2001:db8:1:3::1'), sourceOf(same[0] ?? ''))
  assert.equal(sourceOf('1.2.3.4'), '1.2.3.4')
})
