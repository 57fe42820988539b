import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeClock } from '@credence/kit/node'
import type { CallerFacts, DomainId } from '@credence/model'
import { createStoreSource } from './feed-store.ts'
import { contiguous, createFollower, type Follower, type FollowerOptions } from './follower.ts'
import { createRevocationIndex } from './revocation-index.ts'
import { memoryFeed } from './testing/memory-feed.ts'
import type { FeedEntry, FeedSource } from './types.ts'
import { createFeedHandler, createHttpFeedSource, type FeedSend, feedWire } from './wire.ts'

const DOMAIN = `dom_${'A'.repeat(22)}` as DomainId
const revoked = (key: string) => ({ kind: 'revoked' as const, keys: [key], reason: '' })
const facts = (feed: number, tokenId = 'jti_1'): CallerFacts => ({
  domain: DOMAIN,
  subject: { iss: 'https://i.example', sub: 's' },
  actors: [],
  clientId: 'c',
  audience: 'a',
  scope: [],
  authorizationDetails: [],
  proof: 'dpop',
  tokenId,
  feed,
  issuedAt: Math.floor(Date.now() / 1_000),
  expiresAt: Math.floor(Date.now() / 1_000) + 300,
})

const following = async (
  source: FeedSource,
  use: (follower: Follower) => Promise<void>,
  options: Partial<FollowerOptions> = {},
) => {
  // A follower's timers hold no process, and the test runner of Node 22 holds none either.
  const held = setInterval(() => {}, 1_000)
  const index = createRevocationIndex({ clock: nodeClock })
  const follower = createFollower({ domain: DOMAIN, source, clock: nodeClock, index, ...options })
  try {
    await use(follower)
  } finally {
    clearInterval(held)
    await follower.close()
  }
}

/** Answers are what the test says. */
const scripted = (
  answers: readonly (() => Promise<{ entries: FeedEntry[]; head: number; epoch: number }>)[],
): FeedSource & { polls: number[] } => {
  const polls: number[] = []
  return {
    polls,
    poll: async (from) => {
      const next = answers[Math.min(polls.length, answers.length - 1)]
      polls.push(from)
      await sleep(5)
      if (next === undefined) throw new Error('no answer')
      return next()
    },
  }
}
const entryOf = (number: number, key = `jti:${number}`): FeedEntry => ({
  domain: DOMAIN,
  number,
  at: Date.now(),
  ...revoked(key),
})

describe('follower', () => {
  test('a revocation is in force on the next asking, and a burst of a thousand comes in order', async () => {
    const feed = memoryFeed(DOMAIN, Date.now)
    const seen: number[] = []
    await following(
      createStoreSource(feed, { limit: 100 }),
      async (follower) => {
        await follower.ready()
        const handle = await follower.follow(facts(0, 'jti_z'))
        const started = performance.now()
        for (let at = 1; at < 1_000; at += 1) feed.append(revoked(`jti:${at}`))
        feed.append(revoked('jti:jti_z'))
        await follower.caughtUp(1_000)
        assert.equal(handle.revoked, true)
        assert.ok(performance.now() - started < 500)
        await sleep(20)
        assert.equal(follower.lease(), 'fresh')
        assert.deepEqual(
          seen,
          Array.from({ length: 1_000 }, (_, at) => at + 1),
        )
      },
      { onEntry: (entry) => void seen.push(entry.number) },
    )
  })

  test('a token from ahead waits until this node has caught up, and not for ever', async () => {
    const feed = memoryFeed(DOMAIN, Date.now)
    await following(
      createStoreSource(feed),
      async (follower) => {
        await follower.ready()
        const waiting = follower.follow(facts(1, 'jti_a'))
        assert.ok(waiting instanceof Promise)
        await sleep(20)
        feed.append(revoked('other'))
        assert.equal((await waiting).revoked, false)
        await assert.rejects(Promise.resolve(follower.follow(facts(99))), { kind: 'unavailable', code: 'feed_behind' })
        assert.throws(() => follower.follow({ ...facts(0), domain: `dom_${'B'.repeat(22)}` as DomainId }), {
          kind: 'unavailable',
        })
      },
      { catchUpMs: 150 },
    )
  })

  test('without answers the lease goes from fresh to stale to lost, and comes back with the source', async () => {
    const feed = memoryFeed(DOMAIN, Date.now)
    const inner = createStoreSource(feed)
    let lost = false
    const source: FeedSource = {
      poll: async (from, waitMs, signal) => {
        const answer = await inner.poll(from, Math.min(waitMs, 20), signal)
        if (lost) return new Promise(() => undefined)
        return answer
      },
    }
    await following(
      source,
      async (follower) => {
        assert.equal(follower.lease(), 'lost')
        await follower.ready()
        lost = true
        await sleep(250)
        assert.equal(follower.lease(), 'stale')
        await sleep(350)
        assert.equal(follower.lease(), 'lost')
        feed.append(revoked('jti:jti_1'))
        lost = false
        await follower.caughtUp(1)
        await sleep(30)
        assert.equal(follower.lease(), 'fresh')
      },
      { leaseMs: 150, softMs: 400, pollWaitMs: 20, answerMs: 50 },
    )
  })

  test('a call that finds no lease waits for the next answer, and not for ever', async () => {
    const feed = memoryFeed(DOMAIN, Date.now)
    const inner = createStoreSource(feed)
    let silent = false
    const source: FeedSource = {
      poll: (from, _waitMs, signal) => (silent ? new Promise(() => undefined) : inner.poll(from, 0, signal)),
    }
    await following(
      source,
      async (follower) => {
        await follower.ready()
        silent = true
        await sleep(100)
        assert.equal(follower.lease(), 'stale')
        await follower.renewed()
        assert.equal(follower.lease(), 'stale', 'the patience ended without an answer')
        silent = false
        feed.append(revoked('jti:jti_1'))
        await follower.renewed()
        assert.equal(follower.lease(), 'fresh')
        assert.equal(follower.number, 1, 'what was revoked meanwhile is known before the call goes on')
        await follower.renewed()
      },
      { leaseMs: 50, pollWaitMs: 0, answerMs: 60, patienceMs: 150 },
    )
  })

  test('the lease counts from sending, not from the answer', async () => {
    const source: FeedSource = {
      poll: async () => {
        await sleep(120)
        return { entries: [], head: 0, epoch: 0 }
      },
    }
    await following(
      source,
      async (follower) => {
        await follower.ready()
        for (let at = 0; at < 20; at += 1) {
          assert.equal(follower.lease(), 'stale')
          await sleep(10)
        }
      },
      { leaseMs: 100, pollWaitMs: 0, answerMs: 500 },
    )
  })

  test('a gap and a false order are never applied; the entries are asked for again', async () => {
    const right = { entries: [entryOf(1), entryOf(2), entryOf(3)], head: 3, epoch: 0 }
    const source = scripted([
      async () => ({ entries: [entryOf(2), entryOf(3)], head: 3, epoch: 0 }),
      async () => ({ entries: [entryOf(1), entryOf(3)], head: 3, epoch: 0 }),
      async () => ({ entries: [entryOf(3), entryOf(2)], head: 3, epoch: 0 }),
      async () => ({ entries: [], head: 3, epoch: 0 }),
      async () => right,
      async () => ({ entries: [], head: 3, epoch: 0 }),
    ])
    const seen: number[] = []
    const errors: string[] = []
    await following(
      source,
      async (follower) => {
        await follower.ready()
        assert.deepEqual(seen, [1, 2, 3])
        assert.deepEqual(source.polls.slice(0, 5), [0, 0, 1, 1, 1])
        assert.equal(errors.length, 4)
      },
      {
        onEntry: (entry) => void seen.push(entry.number),
        onError: (error) => void errors.push(String(error)),
      },
    )
  })

  test('a feed that goes back, or of another domain, renews nothing', async () => {
    const foreign = { ...entryOf(2), domain: `dom_${'B'.repeat(22)}` as DomainId }
    for (const then of [
      { entries: [], head: 0, epoch: 0 },
      { entries: [foreign], head: 2, epoch: 0 },
    ]) {
      const source = scripted([async () => ({ entries: [entryOf(1)], head: 1, epoch: 0 }), async () => then])
      await following(
        source,
        async (follower) => {
          await follower.ready()
          await sleep(150)
          assert.equal(follower.lease(), 'lost')
          assert.equal(follower.number, 1)
        },
        { leaseMs: 50, softMs: 100 },
      )
    }
  })

  test('an entry that could not be taken in is tried again; its revocations are in force at once', async () => {
    const feed = memoryFeed(DOMAIN, Date.now)
    let fails = 3
    await following(
      createStoreSource(feed),
      async (follower) => {
        await follower.ready()
        const handle = await follower.follow(facts(0))
        feed.append({ kind: 'policy', version: 'v', body: '' })
        feed.append(revoked('jti:jti_1'))
        await sleep(5)
        assert.equal(handle.revoked, true)
        await follower.caughtUp(2)
        assert.equal(fails, 0)
      },
      {
        onEntry: (entry) => {
          if (entry.kind !== 'policy' || fails === 0) return
          fails -= 1
          throw new Error('policy does not compile')
        },
      },
    )
  })

  test('contiguous takes the new, skips the known, stops at a gap', () => {
    const numbers = (given: number[], from: number) => {
      const { fresh, gap } = contiguous(
        given.map((n) => entryOf(n)),
        from,
        DOMAIN,
      )
      return [fresh.map((entry) => entry.number), gap]
    }
    assert.deepEqual(numbers([1, 2, 3], 0), [[1, 2, 3], false])
    assert.deepEqual(numbers([1, 2, 3], 2), [[3], false])
    assert.deepEqual(numbers([4, 6], 3), [[4], true])
    assert.deepEqual(numbers([1, 1, 2], 0), [[1, 2], false])
    assert.deepEqual(numbers([5], 3), [[], true])
  })

  test('a paused process is not fresh when it wakes, before any poll', async () => {
    const child = spawn(process.execPath, [new URL('./testing/paused.ts', import.meta.url).pathname], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    const reader = createInterface({ input: child.stdout })
    reader.on('line', (line) => lines.push(line))
    try {
      while (!lines.includes('fresh')) await sleep(20)
      // NOTE: a pause that falls between two turns of the loop is not seen; then it is paused again.
      const woken = (): boolean => lines.some((line) => line.startsWith('woke'))
      for (let tries = 0; tries < 5 && !woken(); tries += 1) {
        child.kill('SIGSTOP')
        await sleep(1_000)
        child.kill('SIGCONT')
        await sleep(300)
      }
      const woke = lines.find((line) => line.startsWith('woke'))
      assert.equal(woke, 'woke stale')
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('feed over HTTP', () => {
  const served = async (use: (url: string, feed: ReturnType<typeof memoryFeed>) => Promise<void>): Promise<void> => {
    const feed = memoryFeed(DOMAIN, Date.now)
    const handle = createFeedHandler(createStoreSource(feed))
    const server = createServer((request, response) => {
      const gone = new AbortController()
      response.on('close', () => gone.abort())
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        if (request.headers.authorization !== 'DPoP t') return response.writeHead(401).end()
        return handle(feedWire.decodeQuestion(Buffer.concat(chunks)), gone.signal).then((body) => response.end(body))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/feed`, feed)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }
  const send: FeedSend = async ({ method, url, headers, body, signal }) => {
    const response = await fetch(url, { method, headers, body, signal })
    return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
  }

  test('a revocation answers the waiting poll at once; who may not ask gets no lease', async () => {
    await served(async (url, feed) => {
      const source = createHttpFeedSource({ url, send, authorize: () => ({ authorization: 'DPoP t' }) })
      await following(source, async (follower) => {
        await follower.ready()
        await sleep(50)
        const handle = await follower.follow(facts(0))
        const started = performance.now()
        feed.append(revoked('jti:jti_1'))
        await follower.caughtUp(1)
        assert.ok(performance.now() - started < 150)
        assert.equal(handle.revoked, true)
      })
      const stranger = createHttpFeedSource({ url, send, authorize: () => ({}) })
      await following(stranger, async (follower) => {
        await sleep(100)
        assert.equal(follower.lease(), 'lost')
      })
    })
  })

  test('what is not exactly a question or an answer is refused', () => {
    for (const bad of [
      '',
      '{}',
      '[]',
      '{"from":-1,"waitMs":0}',
      '{"from":0.5,"waitMs":0}',
      '{"from":0,"waitMs":0,"x":1}',
      '{"from":0,"from":1,"waitMs":0}',
      '{"from":1e400,"waitMs":0}',
    ]) {
      assert.throws(() => feedWire.decodeQuestion(bad), bad)
    }
    const good = { domain: DOMAIN, number: 1, at: 1, kind: 'revoked', keys: ['a'], reason: '' }
    assert.deepEqual(feedWire.decodeAnswer(JSON.stringify({ entries: [good], head: 1, epoch: 0 })).entries, [good])
    for (const bad of [
      { ...good, kind: 'unknown' },
      { ...good, domain: 'x' },
      { ...good, number: 0 },
      { ...good, keys: 'a' },
      { ...good, extra: 1 },
      { ...good, keys: [''] },
    ]) {
      assert.throws(
        () => feedWire.decodeAnswer(JSON.stringify({ entries: [bad], head: 1, epoch: 0 })),
        JSON.stringify(bad),
      )
    }
  })
})

test('a feed that went back is never believed again by this node, even when it has grown past where it was', async () => {
  const at = Date.now()
  const entry = (number: number, key: string): FeedEntry => ({ domain: DOMAIN, number, at, ...revoked(key) })
  const before = [1, 2, 3].map((number) => entry(number, `jti:${number}`))
  const source = scripted([
    async () => ({ entries: before, head: 3, epoch: 0 }),
    async () => ({ entries: [], head: 1, epoch: 0 }),
    // A restore took 2 and 3 away; what stands there now was never told to this node.
    async () => ({ entries: [], head: 3, epoch: 0 }),
  ])
  await following(
    source,
    async (follower) => {
      await follower.ready()
      await sleep(300)
      assert.ok(source.polls.length > 3)
      assert.notEqual(follower.lease(), 'fresh')
    },
    { leaseMs: 50 },
  )
})

test('a feed that was restored and grew past this node before it asked again is not believed either', async () => {
  const at = Date.now()
  const entry = (number: number, key: string): FeedEntry => ({ domain: DOMAIN, number, at, ...revoked(key) })
  const source = scripted([
    async () => ({ entries: [entry(1, 'jti:1'), entry(2, 'jti:2')], head: 2, epoch: 0 }),
    // Under 2 now stands the entry that began the epoch; this node never sees it, only what came after.
    async () => ({ entries: [entry(3, 'jti:3')], head: 3, epoch: 1 }),
    async () => ({ entries: [], head: 3, epoch: 1 }),
  ])
  await following(
    source,
    async (follower) => {
      await follower.ready()
      await sleep(300)
      assert.ok(source.polls.length > 3)
      assert.notEqual(follower.lease(), 'fresh')
    },
    { leaseMs: 50 },
  )
})
