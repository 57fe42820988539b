import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock } from '@credence/kit/testing'
import { DEFAULT_WINDOW } from '@credence/protocol/dpop'
import { rememberProofs } from './proofs.ts'

test('a proof is remembered for as long as it could be shown again, from when this was made', async () => {
  const clock = handClock()
  const { once, fence } = rememberProofs(clock)
  assert.equal(fence, clock.now())
  const longest = (DEFAULT_WINDOW.pastSeconds + 2 * DEFAULT_WINDOW.futureSeconds) * 1000
  const until = clock.now() + longest
  assert.equal(await once.claim('dpop', 'key:jti', until), true)
  clock.advance(longest - 1)
  assert.equal(await once.claim('dpop', 'key:jti', until), false)
  clock.advance(1)
  assert.equal(await once.claim('dpop', 'key:jti', until), false)
})
