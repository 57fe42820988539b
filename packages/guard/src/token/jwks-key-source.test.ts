import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCredenceError, unavailable } from '@credence/kit'
import type { SafeFetch } from '@credence/kit/fetch'
import { handClock } from '@credence/kit/testing'
import { jwkOf, pair } from '../testing/world.ts'
import { createJwksKeySource } from './jwks-key-source.ts'

const setOf = (...keys: { kid: string; key: ReturnType<typeof pair> }[]): string =>
  JSON.stringify({ keys: keys.map(({ kid, key }) => ({ ...jwkOf(key.publicKey), kid, alg: 'ES256', use: 'sig' })) })

const setUp = (first: string) => {
  const clock = handClock()
  const state = { body: first, status: 200, down: false, fetches: 0 }
  const fetch: SafeFetch = async (url) => {
    state.fetches++
    if (state.down) throw unavailable('fetch_timeout', 'x')
    return { status: state.status, headers: {}, bytes: Buffer.from(state.body), url }
  }
  return { clock, state, source: createJwksKeySource({ url: 'https://as.example/jwks', fetch, clock }) }
}
const a = pair()
const b = pair()
const isUnavailable = (error: unknown) => isCredenceError(error) && error.kind === 'unavailable'

describe('keys from a JWKS URL', () => {
  test('are fetched when first needed, and once for fifty that ask at the same moment', async () => {
    const { source, state } = setUp(setOf({ kid: 'a', key: a }))
    assert.equal(source.key('a'), undefined)
    const found = await Promise.all(Array.from({ length: 50 }, () => source.find?.('a')))
    assert.ok(found.every((key) => key !== undefined))
    assert.equal(state.fetches, 1)
  })

  test('21: a storm of a thousand unknown kids costs one fetch per cool-down', async () => {
    const { source, state, clock } = setUp(setOf({ kid: 'a', key: a }))
    for (let n = 0; n < 1000; n++) assert.equal(await source.find?.(`kid-${n}`), undefined)
    assert.equal(state.fetches, 1)
    clock.advance(30_000)
    for (let n = 0; n < 1000; n++) await source.find?.(`kid-${n}`)
    assert.equal(state.fetches, 2)
  })

  test('19: a new key is found after the cool-down, a removed one is gone after the age; others stay the same object', async () => {
    const { source, state, clock } = setUp(setOf({ kid: 'a', key: a }))
    const before = await source.find?.('a')
    state.body = setOf({ kid: 'a', key: a }, { kid: 'b', key: b })
    clock.advance(30_000)
    assert.ok(await source.find?.('b'))
    assert.equal(source.key('a'), before)
    state.body = setOf({ kid: 'b', key: b })
    clock.advance(300_000)
    assert.equal(await source.find?.('a'), undefined)
    assert.equal(source.key('a'), undefined)
  })

  const many = JSON.stringify({
    keys: Array.from({ length: 10_000 }, (_, n) => ({ ...jwkOf(a.publicKey), kid: `${n}` })),
  })
  for (const [name, spoil] of [
    ['slow or down', (state: { down: boolean }) => (state.down = true)],
    ['500', (state: { status: number }) => (state.status = 500)],
    ['an HTML page with 200', (state: { body: string }) => (state.body = '<html>')],
    ['10,000 keys', (state: { body: string }) => (state.body = many)],
    ['private material', (state: { body: string }) => (state.body = '{"keys":[{"kty":"oct","k":"AA"}]}')],
    [
      'two keys of one kid',
      (state: { body: string }) => (state.body = setOf({ kid: 'a', key: a }, { kid: 'a', key: b })),
    ],
  ] as const)
    test(`20: ${name}: the last good set stays, for a bounded time, and nothing opens`, async () => {
      const { source, state, clock } = setUp(setOf({ kid: 'a', key: a }))
      const good = await source.find?.('a')
      spoil(state as never)
      clock.advance(600_000)
      assert.equal(await source.find?.('a'), good)
      assert.equal(await source.find?.('b'), undefined)
      clock.advance(86_400_000)
      assert.equal(source.key('a'), undefined)
      await assert.rejects(Promise.resolve(source.find?.('a')), isUnavailable)
      const fresh = setUp('')
      spoil(fresh.state as never)
      await assert.rejects(Promise.resolve(fresh.source.find?.('a')), isUnavailable)
    })
})
