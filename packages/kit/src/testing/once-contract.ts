/** The contract of `Once`, run by every implementation. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Once } from '../once.ts'

export interface OnceUnderTest {
  readonly once: Once
  /** A second instance over the same store, as another node would have; default the same one. */
  readonly second?: Once
  close?(): Promise<void> | void
}

const MINUTE = 60_000

/** `now` is the clock that the implementation uses. */
export const onceContract = (
  name: string,
  make: () => Promise<OnceUnderTest> | OnceUnderTest,
  now: () => number = Date.now,
): void => {
  describe(`once: ${name}`, () => {
    const made: OnceUnderTest[] = []
    const fresh = async (): Promise<OnceUnderTest> => {
      const one = await make()
      made.push(one)
      return one
    }
    after(async () => {
      for (const one of made) await one.close?.()
    })

    test('a key is claimed once', async () => {
      const { once } = await fresh()
      assert.equal(await once.claim('dpop', 'a', now() + MINUTE), true)
      assert.equal(await once.claim('dpop', 'a', now() + MINUTE), false)
      assert.equal(await once.claim('dpop', 'a', now() + 2 * MINUTE), false)
    })

    test('of a hundred claims at the same moment, on two nodes, one wins', async () => {
      const { once, second = once } = await fresh()
      const claims = Array.from({ length: 100 }, (_, at) =>
        (at % 2 === 0 ? once : second).claim('code', 'same', now() + MINUTE),
      )
      const won = (await Promise.all(claims)).filter((answer) => answer === true)
      assert.equal(won.length, 1)
    })

    test('a hundred different keys at the same moment all win', async () => {
      const { once, second = once } = await fresh()
      const claims = Array.from({ length: 100 }, (_, at) =>
        (at % 2 === 0 ? once : second).claim('client_assertion', `key ${at}`, now() + MINUTE),
      )
      assert.deepEqual(new Set(await Promise.all(claims)), new Set([true]))
    })

    test('the same key under another use is another key', async () => {
      const { once } = await fresh()
      assert.equal(await once.claim('dpop', 'x', now() + MINUTE), true)
      assert.equal(await once.claim('par', 'x', now() + MINUTE), true)
    })

    test('use and key are not simply joined', async () => {
      const { once } = await fresh()
      const keys = ['', ':', 'a:b', 'a\u0000b', 'a', 'A', 'ä', 'a\u0308', ' a', 'a ', "'", '%', 'x'.repeat(500)]
      for (const key of keys) {
        assert.equal(await once.claim('link', key, now() + MINUTE), true, JSON.stringify(key))
        assert.equal(await once.claim('link', key, now() + MINUTE), false, JSON.stringify(key))
      }
    })

    test('a claim whose time is over already is not granted', async () => {
      const { once } = await fresh()
      const answer = await once.claim('dpop', 'late', now() - 1).catch(() => false)
      assert.equal(answer, false)
    })
  })
}
