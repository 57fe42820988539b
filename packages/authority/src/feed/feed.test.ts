import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Database, migrate, openSqlite } from '@credence/db'
import { testSchema } from '@credence/db/testing'
import { newId } from '@credence/kit'
import { nodeClock } from '@credence/kit/node'
import { createFollower, createRevocationIndex, createStoreSource, type FeedChange } from '@credence/sync'
import { createDbFeedStore, type DbFeedStore, feedTables, publishStatements } from './index.ts'

interface Nodes {
  readonly writers: readonly Database[]
  close(): Promise<void>
}

const sqliteNodes = async (): Promise<Nodes> => {
  const directory = await mkdtemp(join(tmpdir(), 'credence-feed-'))
  const db = await openSqlite({ file: join(directory, 'test.db'), reserveBytes: 0 })
  const close = async (): Promise<void> => {
    await db.close()
    await rm(directory, { recursive: true })
  }
  return { writers: [db, db], close }
}

const postgresNodes = async (): Promise<Nodes> => {
  const server = testSchema()
  return { writers: [await server.open(), await server.open()], close: server.close }
}

const newDomain = () => newId('dom', { bytes: (length) => randomBytes(length) })
const revoked = (key: string): FeedChange => ({ kind: 'revoked', keys: [key], reason: 'test' })
const ALL: FeedChange[] = [
  revoked('jti:a'),
  { kind: 'agent', agent: 'agt_x', status: 'suspended' },
  { kind: 'policy', version: 'v1', body: '{"a":"\\u006d"}' },
  { kind: 'registry', version: 'v1', body: '' },
  { kind: 'keys', version: 'v1', body: '[]' },
  { kind: 'epoch', epoch: 2 },
]

const feedContract = (name: string, open: () => Promise<Nodes>): void => {
  describe(`feed: ${name}`, () => {
    let nodes: Nodes
    const stores: DbFeedStore[] = []
    const storeOf = (at: number, domain: ReturnType<typeof newDomain>): DbFeedStore => {
      const store = createDbFeedStore(nodes.writers[at] as Database, domain)
      stores.push(store)
      return store
    }
    before(async () => {
      nodes = await open()
      await migrate(nodes.writers[0] as Database, [{ number: 1, name: 'feed', ...feedTables }])
    })
    after(async () => {
      for (const store of stores) store.close()
      await nodes.close()
    })

    test('every kind of change comes back as it went, numbered from 1', async () => {
      const domain = newDomain()
      const store = storeOf(1, domain)
      assert.equal(await store.head(), 0)
      for (const change of ALL) await nodes.writers[0]?.atomically(publishStatements(domain, change, 5.5))
      const expected = ALL.map((change, at) => ({ ...change, domain, number: at + 1, at: 5 }))
      assert.deepEqual(await store.entriesAfter(0, 100), expected)
      assert.deepEqual(await store.entriesAfter(2, 2), expected.slice(2, 4))
      assert.equal(await store.head(), ALL.length)
    })

    test('two changes in one batch get two numbers, a batch that fails gets none', async () => {
      const domain = newDomain()
      const [db] = nodes.writers
      await db?.atomically([revoked('a'), revoked('b')].flatMap((change) => publishStatements(domain, change, 1)))
      const fails = {
        sql: 'UPDATE feed SET at = 0 WHERE domain = ?',
        parameters: ['absent'],
        expect: { rows: 1, conflict: 'no' },
      }
      await assert.rejects(db?.atomically([...publishStatements(domain, revoked('c'), 1), fails]) as Promise<unknown>)
      await db?.atomically(publishStatements(domain, revoked('d'), 1))
      const entries = await storeOf(0, domain).entriesAfter(0, 10)
      assert.deepEqual(
        entries.map((entry) => [entry.number, entry.kind === 'revoked' && entry.keys[0]]),
        [
          [1, 'a'],
          [2, 'b'],
          [3, 'd'],
        ],
      )
    })

    test('a thousand at once from two writers: no gap, seen in order, a number is never before its predecessor', async () => {
      const domain = newDomain()
      const reader = storeOf(1, domain)
      let writing = true
      const watch = async (): Promise<number> => {
        let reads = 0
        for (let last = 0; writing || last < 1_000; reads += 1) {
          const entries = await reader.entriesAfter(last, 1_000)
          entries.forEach((entry, at) => {
            assert.equal(entry.number, last + at + 1)
          })
          last += entries.length
          await new Promise((resolve) => setImmediate(resolve))
        }
        return reads
      }
      const watching = watch()
      const numbers = await Promise.all(
        Array.from({ length: 1_000 }, async (_, at) => {
          const answer = await nodes.writers[at % 2]?.atomically(publishStatements(domain, revoked(`k${at}`), at))
          return answer?.[0]?.[0]?.number
        }),
      )
      writing = false
      assert.ok((await watching) > 1)
      assert.deepEqual(
        numbers.map(Number).sort((a, b) => a - b),
        Array.from({ length: 1_000 }, (_, at) => at + 1),
      )
      assert.equal(await reader.head(), 1_000)
    })

    test('a follower on the other node knows within half a second, with and without an announcement', async () => {
      const domain = newDomain()
      const index = createRevocationIndex({ clock: nodeClock })
      const source = createStoreSource(storeOf(1, domain))
      const follower = createFollower({ domain, source, clock: nodeClock, index })
      try {
        await follower.ready()
        const handle = index.register(['jti:z'], 0, Date.now() + 300_000)
        const started = performance.now()
        await nodes.writers[0]?.atomically(publishStatements(domain, revoked('jti:z'), Date.now()))
        await follower.caughtUp(1)
        assert.ok(handle.revoked)
        assert.ok(performance.now() - started < 500)
        assert.equal(follower.lease(), 'fresh')
      } finally {
        await follower.close()
      }
    })
  })
}

feedContract('sqlite', sqliteNodes)
feedContract('postgres', postgresNodes)
