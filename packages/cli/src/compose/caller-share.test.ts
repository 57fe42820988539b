/** One agent that asks for lists of a thousand tools must not use up what all others may ask. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCallerShare } from './caller-share.ts'

const setUp = (perMinute: number) => {
  let now = 0
  const wait = (ms: number): void => {
    now += ms
  }
  return { charge: createCallerShare({ monotonic: () => now }, perMinute), wait }
}

test('a quarter for one, the rest for others; every question counts, and the minute ends', () => {
  const { charge, wait } = setUp(60_000)
  for (let list = 0; list < 15; list += 1) charge('agt_greedy', 1_000)
  assert.throws(() => charge('agt_greedy', 1), { code: 'decision_rate', status: 429 })
  charge('agt_other', 15_000)
  assert.throws(() => charge('agt_other', 16), { code: 'decision_rate' })
  wait(60_000)
  charge('agt_greedy', 16)
})

test('what is refused is not counted; a small budget leaves one question', () => {
  const { charge } = setUp(2)
  assert.throws(() => charge('a', 16), { code: 'decision_rate' })
  charge('a', 1)
  assert.throws(() => charge('a', 1), { code: 'decision_rate' })
})

test('callers without number share one count once ten thousand are counted', () => {
  const { charge } = setUp(8)
  for (let at = 0; at < 10_000; at += 1) charge(`agt_${at}`, 1)
  charge('late-1', 1)
  charge('late-2', 1)
  assert.throws(() => charge('late-3', 1), { code: 'decision_rate' })
  charge('agt_7', 1)
})
