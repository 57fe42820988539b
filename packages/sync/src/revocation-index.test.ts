import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cases, handClock } from '@credence/kit/testing'
import { type DomainId, revocationKey } from '@credence/model'
import fc from 'fast-check'
import { createRevocationIndex } from './revocation-index.ts'
import type { FeedChange, FeedEntry } from './types.ts'

const DOMAIN = `dom_${'A'.repeat(22)}` as DomainId
const entry = (number: number, change: FeedChange, at: number): FeedEntry => ({ domain: DOMAIN, number, at, ...change })
const revoked = (number: number, keys: readonly string[], at: number): FeedEntry =>
  entry(number, { kind: 'revoked', keys, reason: '' }, at)

const fresh = (options = {}) => {
  const clock = handClock()
  return { clock, index: createRevocationIndex({ clock, ...options }) }
}

describe('index of revoked keys', () => {
  test('an entry revokes the tokens before it and not those after it', () => {
    const { clock, index } = fresh()
    const old = index.register(['grant:a', 'jti:1'], 4, clock.now() + 300_000)
    const other = index.register(['grant:b', 'jti:2'], 4, clock.now() + 300_000)
    index.apply(revoked(5, ['grant:a'], clock.now()))
    assert.deepEqual([old.revoked, old.revokedBy, other.revoked], [true, 'grant:a', false])
    assert.equal(index.register(['grant:a'], 4, clock.now() + 300_000).revoked, true)
    assert.equal(index.register(['grant:a'], 5, clock.now() + 300_000).revoked, false)
    index.apply(revoked(5, ['grant:a'], clock.now()))
    assert.equal(index.register(['grant:a'], 5, clock.now() + 300_000).revoked, false)
  })

  test('a suspended agent is refused whatever the number; a resume does not revive what was before', () => {
    const { clock, index } = fresh()
    const key = revocationKey.agent('agt_x')
    const before = index.register([key], 1, clock.now() + 300_000)
    index.apply(entry(2, { kind: 'agent', agent: 'agt_x', status: 'suspended' }, clock.now()))
    const during = index.register([key], 9, clock.now() + 300_000)
    index.apply(entry(3, { kind: 'agent', agent: 'agt_x', status: 'active' }, clock.now()))
    assert.deepEqual([before.revoked, during.revoked], [true, true])
    assert.equal(index.register([key], 1, clock.now() + 300_000).revoked, true)
    assert.equal(index.register([key], 3, clock.now() + 300_000).revoked, false)
  })

  test('a new epoch revokes every token before it', () => {
    const { clock, index } = fresh()
    const token = index.register([revocationKey.domain(DOMAIN)], 1, clock.now() + 300_000)
    index.apply(entry(2, { kind: 'epoch', epoch: 2 }, clock.now()))
    assert.equal(token.revoked, true)
  })

  test('forgetting permits nothing: who is older than what was forgotten is refused', () => {
    const { clock, index } = fresh()
    index.apply(revoked(7, ['grant:a'], clock.now()))
    clock.advance(360_001)
    index.sweep()
    assert.equal(index.revokedKeys, 0)
    const expires = clock.now() + 300_000
    assert.equal(index.register(['grant:a'], 6, expires).revoked, true)
    assert.equal(index.register(['grant:other'], 6, expires).revokedBy, 'token:too_old')
    assert.equal(index.register(['grant:other'], 7, expires).revoked, false)
  })

  test('a wall clock that leaps brings nothing back', () => {
    const { clock, index } = fresh()
    const token = index.register(['grant:a'], 1, clock.now() + 300_000)
    clock.jump(86_400_000)
    index.apply(revoked(2, ['grant:a'], clock.now() - 86_400_000))
    assert.equal(token.revokedBy, 'grant:a')
    index.sweep()
    clock.jump(-86_400_000)
    assert.equal(token.revoked, true)
    assert.equal(index.register(['grant:a'], 1, clock.now() + 300_000).revoked, true)
  })

  test('memory is bounded: tokens end, keys overflow into the horizon, too many tokens are refused', () => {
    const { clock, index } = fresh({ maxRevoked: 10, maxTokens: 10 })
    for (let at = 1; at <= 30; at += 1) index.apply(revoked(at, [`jti:${at}`], clock.now()))
    assert.equal(index.revokedKeys, 10)
    for (let at = 1; at <= 29; at += 1) {
      if (index.liveTokens < 10) assert.equal(index.register([`jti:${at}`], at - 1, clock.now() + 1).revoked, true)
    }
    assert.throws(() => index.register(['x'], 30, clock.now() + 1_000), { code: 'revocation_index_full' })
    clock.advance(120_000)
    index.sweep()
    assert.equal(index.liveTokens, 0)
  })

  test('agrees with a naive model that forgets nothing', () => {
    const key = fc.integer({ min: 0, max: 6 }).map((n) => `grant:${n}`)
    const step = fc.oneof(
      fc.record({ kind: fc.constant('revoke' as const), keys: fc.array(key, { minLength: 1, maxLength: 3 }) }),
      fc.record({
        kind: fc.constant('agent' as const),
        agent: fc.constantFrom('agt_a', 'agt_b'),
        status: fc.constantFrom('active' as const, 'suspended' as const, 'retired' as const),
      }),
      fc.record({
        kind: fc.constant('token' as const),
        keys: fc.array(key, { maxLength: 3 }),
        agent: fc.constantFrom('agt_a', 'agt_b'),
        lag: fc.nat(4),
      }),
      fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 200_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(3, 1_000), (steps, maxRevoked) => {
        const { clock, index } = fresh({ maxRevoked })
        const numbers = new Map<string, number>()
        const suspended = new Set<string>()
        const tokens: { keys: string[]; number: number; until: number; must: boolean; handle: { revoked: boolean } }[] =
          []
        let number = 0
        for (const one of steps) {
          if (one.kind === 'revoke') {
            number += 1
            for (const each of one.keys) numbers.set(each, number)
            index.apply(revoked(number, one.keys, clock.now()))
          } else if (one.kind === 'agent') {
            number += 1
            const agentKey = revocationKey.agent(one.agent)
            if (one.status === 'suspended') suspended.add(agentKey)
            else suspended.delete(agentKey)
            if (one.status !== 'active') numbers.set(agentKey, number)
            index.apply(entry(number, { kind: 'agent', agent: one.agent, status: one.status }, clock.now()))
          } else if (one.kind === 'token') {
            const at = Math.max(0, number - one.lag)
            const keys = [...one.keys, revocationKey.agent(one.agent)]
            const until = clock.now() + 300_000
            tokens.push({ keys, number: at, until, must: false, handle: index.register(keys, at, until) })
          } else {
            clock.advance(one.ms)
            index.sweep()
          }
          for (const token of tokens) {
            token.must ||= token.keys.some((each) => suspended.has(each) || (numbers.get(each) ?? 0) > token.number)
            if (token.must) assert.equal(token.handle.revoked, true)
            else if (maxRevoked === 1_000 && token.until > clock.now() && one.kind !== 'token') {
              if (number - token.number <= 0) assert.equal(token.handle.revoked, false)
            }
          }
        }
      }),
      cases(300),
    )
  })

  test('a million revoked keys: every one refused, no other', () => {
    const { clock, index } = fresh()
    for (let at = 1; at <= 1_000_000; at += 1) index.apply(revoked(at, [`jti:${at}`], clock.now()))
    assert.equal(index.revokedKeys, 1_000_000)
    for (let at = 1; at <= 1_000_000; at += 997) {
      assert.equal(index.register([`jti:${at}`], at - 1, clock.now() + 1_000).revoked, true)
      assert.equal(index.register([`jti:x${at}`], at - 1, clock.now() + 1_000).revoked, false)
    }
    const handle = index.register(['jti:live', 'grant:x'], 1_000_000, clock.now() + 300_000)
    const started = performance.now()
    let count = 0
    for (let at = 0; at < 10_000_000; at += 1) if (handle.revoked) count += 1
    const each = ((performance.now() - started) * 1_000) / 10_000_000
    assert.equal(count, 0)
    console.log(`asking with a million entries: ${each.toFixed(4)} us`)
  })
})
