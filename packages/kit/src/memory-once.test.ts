import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryOnce } from './memory-once.ts'
import { handClock } from './testing/hand-clock.ts'
import { onceContract } from './testing/once-contract.ts'

const contractClock = handClock()
onceContract('memory', () => ({ once: createMemoryOnce({ clock: contractClock }) }), contractClock.now)

test('a full memory refuses as unavailable and never grants', async () => {
  const clock = handClock()
  const once = createMemoryOnce({ clock, capacity: 2, windowMs: 1_000 })
  for (const key of ['a', 'b']) assert.equal(await once.claim('dpop', key, clock.now() + 900), true)
  await assert.rejects(once.claim('dpop', 'c', clock.now() + 900), { kind: 'unavailable', code: 'once_full' })
  assert.equal(await once.claim('dpop', 'a', clock.now() + 900), false)
  clock.advance(2_100)
  assert.equal(await once.claim('dpop', 'c', clock.now() + 900), true)
  assert.equal(once.size, 1)
})

test('nothing is forgotten before its time, whenever it was claimed', async () => {
  for (let offset = 0; offset < 2_000; offset += 250) {
    const clock = handClock()
    const once = createMemoryOnce({ clock, windowMs: 1_000 })
    clock.advance(offset)
    assert.equal(await once.claim('code', 'x', clock.now() + 1_000), true)
    for (let step = 0; step < 9; step += 1) {
      clock.advance(100)
      assert.equal(await once.claim('code', 'x', clock.now() + 100), false)
    }
  }
})

test('a wall clock that jumps ahead and back makes nothing claimable again', async () => {
  const clock = handClock()
  const once = createMemoryOnce({ clock, windowMs: 1_000 })
  assert.equal(await once.claim('dpop', 'x', clock.now() + 900), true)
  clock.jump(3_600_000)
  await once.claim('dpop', 'other', clock.now() + 900)
  clock.jump(-3_600_000)
  assert.equal(await once.claim('dpop', 'x', clock.now() + 900), false)
})

test('a claim beyond the window, or without end, is not granted', async () => {
  const clock = handClock()
  const once = createMemoryOnce({ clock, windowMs: 1_000 })
  for (const until of [clock.now() + 1_001, Number.POSITIVE_INFINITY, Number.NaN]) {
    await assert.rejects(once.claim('dpop', 'x', until), { kind: 'unavailable', code: 'once_window' })
  }
})
