/** The real feed behind the port: a revocation is a flag on the remembered token, set by the next entry. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '@credence/kit/node'
import { revocationKey } from '@credence/model'
import { createFollower, createRevocationIndex, type FeedEntry, type FeedSource } from '@credence/sync'
import { createPipeline } from './pipeline.ts'
import type { Revocations } from './ports.ts'
import { AGENT, DOMAIN, factsOf, RESOURCE, testPipelineDeps } from './testing/world.ts'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('a follower of the feed is the guard’s Revocations', async () => {
  const entries: FeedEntry[] = [
    { domain: DOMAIN, number: 1, at: nodeClock.now(), kind: 'revoked', keys: ['jti:other'], reason: 'test' },
  ]
  const source: FeedSource = {
    poll: async (from, waitMs) => {
      if (entries.length <= from) await sleep(Math.min(waitMs, 20))
      return { entries: entries.filter(({ number }) => number > from), head: entries.length, epoch: 0 }
    },
  }
  const index = createRevocationIndex({ clock: nodeClock })
  const follower = createFollower({ domain: DOMAIN, source, clock: nodeClock, index })
  const revocations: Revocations = follower
  try {
    await follower.ready()
    await follower.caughtUp(1)
    const deps = testPipelineDeps()
    const facts = factsOf(deps.clock, { expiresAt: Math.floor(nodeClock.now() / 1000) + 100_000_000 })
    const revocation = await revocations.follow(facts)
    const authenticator = { authenticate: () => ({ facts, revocation }) }
    const pipeline = createPipeline({ ...deps, authenticator, revocations })
    const map = () => ({ resource: RESOURCE, method: 'tools/call', name: 'read', arguments: {} })
    const call = () => pipeline({ input: undefined, map, send: () => ({ value: 'done' }) })
    assert.equal(await call(), 'done')
    const keys = [revocationKey.agent(AGENT)]
    entries.push({ domain: DOMAIN, number: 2, at: nodeClock.now(), kind: 'revoked', keys, reason: 'test' })
    await follower.caughtUp(2)
    await assert.rejects(call(), { code: 'token_revoked' })
  } finally {
    await follower.close()
  }
  await assert.rejects(Promise.resolve(revocations.follow(factsOf(testPipelineDeps().clock, { feed: 99 }))))
})
