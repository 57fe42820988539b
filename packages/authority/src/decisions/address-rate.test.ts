import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '@credence/kit/testing'
import { createAddressRate, networkOf, type RateOptions, sourceOf } from './address-rate.ts'

const taking = (options: RateOptions) => createAddressRate(options).admit

test('as many at once as the bucket holds, then as many as flow in; others are not concerned', () => {
  const clock = handClock()
  const take = taking({ clock, perSecond: 2, burst: 3 })
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
  const take = taking({ clock: handClock(), perSecond: 0.1, burst: 1 })
  take('a')
  assert.throws(() => take('a'), { headers: { 'Retry-After': '10' } })
})

test('memory is bounded, and whoever asks again and again is not forgotten', () => {
  const take = taking({ clock: handClock(), perSecond: 1, burst: 2, remembered: 10, total: 10_000 })
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

test('what a request asks for is paid for: a full bucket buys one large batch, and then the address waits for all of it', () => {
  const clock = handClock()
  const rate = createAddressRate({ clock, perSecond: 10, burst: 20 })
  rate.admit('1.2.3.4')
  rate.spend('1.2.3.4', 1_000)
  assert.throws(() => rate.spend('1.2.3.4', 1), { code: 'rate_exceeded', headers: { 'Retry-After': '5' } })
  assert.throws(() => rate.admit('1.2.3.4'))
  rate.admit('1.2.3.5')
  clock.advance(4_300)
  assert.throws(() => rate.admit('1.2.3.4'))
  clock.advance(200)
  rate.admit('1.2.3.4')
})

test('many small batches cost as much as a large one', () => {
  const rate = createAddressRate({ clock: handClock(), perSecond: 10, burst: 100 })
  let asked = 0
  assert.throws(() => {
    for (; asked < 1_000; asked += 1) {
      rate.admit('a')
      rate.spend('a', 160)
    }
  })
  assert.equal(asked, 10)
})

test('whoever has a /48 asks as eight, and makes nobody be forgotten', () => {
  const clock = handClock()
  const take = taking({ clock, perSecond: 1, burst: 1, remembered: 100, total: 10_000 })
  take('2001:db8:0:1::1')
  assert.throws(() => take('2001:db8:0:1::1'))
  let admitted = 0
  for (let at = 0; at < 10_001; at += 1) {
    try {
      take(`2001:db8:1:${at.toString(16)}::1`)
      admitted += 1
    } catch {
      // Too many from one network.
    }
  }
  assert.equal(admitted, 8)
  assert.throws(() => take('2001:db8:0:1::1'), 'remembered')
  take('2001:db8:2:1::1')
  assert.equal(networkOf('2001:db8:1:2::1'), '2001:db8:1::/48')
  assert.equal(networkOf('1.2.3.4'), undefined)
})

test('all together ask as thirty-two, from however many networks', () => {
  const clock = handClock()
  const take = taking({ clock, perSecond: 1, burst: 1 })
  for (let at = 0; at < 32; at += 1) take(`2001:db8:${at.toString(16)}::1`)
  assert.throws(() => take('2001:db8:ff::1'), { code: 'rate_exceeded' })
  assert.throws(() => take('1.2.3.4'))
  clock.advance(1_000)
  take('1.2.3.4')
})
