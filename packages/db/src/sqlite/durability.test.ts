import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { BatchConflict, type Statement } from '../types.ts'
import { openSqlite } from './open.ts'
import { restoreSqlite } from './restore.ts'

const CHILD = new URL('../testing/write-load.ts', import.meta.url).pathname
const sql = (text: string, ...parameters: (string | number)[]): Statement => ({ sql: text, parameters })
const TABLE = 'CREATE TABLE IF NOT EXISTS row (id TEXT PRIMARY KEY, body TEXT NOT NULL, pair INTEGER NOT NULL)'
const insert = (id: string, body = ''): Statement => sql('INSERT INTO row (id, body, pair) VALUES (?, ?, 0)', id, body)

describe('sqlite: what was acknowledged', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'credence-db-'))
  })
  after(() => rm(directory, { recursive: true }))

  /** Kills the child after it acknowledged `least` batches; answers what it acknowledged. */
  const killed = (file: string, round: number, least: number): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [CHILD, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
      const acknowledged: string[] = []
      createInterface({ input: child.stdout }).on('line', (line) => {
        acknowledged.push(line)
        if (acknowledged.length === least) child.kill('SIGKILL')
      })
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (signal === 'SIGKILL') resolve(acknowledged)
        else reject(new Error(`the child ended by itself: ${code}`))
      })
    })

  test('is there after kill -9 in the middle of a write load, whole and in pairs, in every round', async () => {
    const file = join(directory, 'killed.db')
    const acknowledged: string[] = []
    for (let round = 0; round < 10; round += 1) {
      acknowledged.push(...(await killed(file, round, 20 + 97 * round)))
      const db = await openSqlite({ file, reserveBytes: 0 })
      const rows = await db.read(sql('SELECT id, pair FROM row'))
      const there = new Set(rows.map((row) => `${row.id}:${row.pair}`))
      for (const id of acknowledged) assert.ok(there.has(`${id}:0`) && there.has(`${id}+:1`), `${id} is missing`)
      for (const row of rows) {
        if (row.pair === 0) assert.ok(there.has(`${row.id}+:1`), `half a batch: ${row.id}`)
      }
      const [integrity] = await db.read(sql('PRAGMA integrity_check'))
      assert.equal(integrity?.integrity_check, 'ok')
      await db.close()
    }
    assert.ok(acknowledged.length > 1_000)
  })

  test('a full database refuses with unavailable, keeps what it has, and goes on when there is room', async () => {
    const file = join(directory, 'full.db')
    const db = await openSqlite({ file, reserveBytes: 0, maxPages: 64 })
    await db.atomically([sql(TABLE)])
    const acknowledged: string[] = []
    let refusals = 0
    for (let at = 0; at < 60; at += 1) {
      const batches = Array.from({ length: 4 }, (_, part) => `${at}.${part}`)
      const answers = await Promise.allSettled(batches.map((id) => db.atomically([insert(id, 'x'.repeat(3_000))])))
      answers.forEach((answer, part) => {
        if (answer.status === 'fulfilled') acknowledged.push(batches[part] ?? '')
        else {
          assert.equal(answer.reason.kind, 'unavailable')
          refusals += 1
        }
      })
    }
    assert.ok(acknowledged.length > 20 && refusals > 20, `${acknowledged.length} ${refusals}`)
    const there = (await db.read(sql('SELECT id FROM row'))).map((row) => row.id)
    assert.deepEqual(new Set(there), new Set(acknowledged))
    await db.atomically([sql('DELETE FROM row')])
    await db.atomically([insert('again', 'x'.repeat(3_000))])
    await db.close()
  })

  test('everybody in a group whose COMMIT fails is told so, and a conflict that rested on it is not told', async () => {
    const db = await openSqlite({ file: join(directory, 'group.db'), reserveBytes: 0, maxPages: 40 })
    await db.atomically([sql(TABLE)])
    const big = 'x'.repeat(200_000)
    const [first, same, other] = await Promise.allSettled([
      db.atomically([insert('a')]),
      db.atomically([insert('a')]),
      db.atomically([insert('b', big)]),
    ])
    for (const one of [first, same, other]) {
      assert.equal(one.status === 'rejected' && one.reason.kind, 'unavailable')
      assert.ok(!(one.status === 'rejected' && one.reason instanceof BatchConflict))
    }
    assert.deepEqual(await db.read(sql('SELECT id FROM row')), [])
    await db.atomically([insert('a')])
    await db.close()
  })
})

describe('sqlite: the file', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'credence-db-'))
  })
  after(() => rm(directory, { recursive: true }))

  test('is for this user alone, also when it was not', async () => {
    const file = join(directory, 'mode.db')
    await writeFile(file, '')
    chmodSync(file, 0o644)
    const db = await openSqlite({ file })
    await db.atomically([sql(TABLE), insert('a')])
    for (const suffix of ['', '-wal', '-shm', '-lock', '-reserve']) {
      assert.equal(statSync(`${file}${suffix}`).mode & 0o777, 0o600, suffix)
    }
    await db.close()
  })

  test('is refused to a second handle and a second process, and free after a kill', async () => {
    const file = join(directory, 'locked.db')
    const first = await openSqlite({ file, reserveBytes: 0 })
    await assert.rejects(openSqlite({ file }), { kind: 'refused', code: 'database_in_use' })
    await first.atomically([sql(TABLE)])
    const child = spawn(process.execPath, [CHILD, file, '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
    })
    const [code] = await new Promise<unknown[]>((resolve) => child.on('close', (...all) => resolve(all)))
    assert.equal(code, 1)
    assert.match(said, /Another process is using .*locked\.db/)
    await first.close()
    await assert.rejects(first.atomically([sql(TABLE)]), { kind: 'unavailable' })
    await assert.rejects(first.read(sql('SELECT 1')), { kind: 'unavailable' })
    const again = await openSqlite({ file, reserveBytes: 0 })
    await again.close()
  })

  test('close answers what is waiting', async () => {
    const db = await openSqlite({ file: join(directory, 'closing.db'), reserveBytes: 0 })
    await db.atomically([sql(TABLE)])
    const waiting = Promise.all(Array.from({ length: 700 }, (_, at) => db.atomically([insert(`c${at}`)])))
    await db.close()
    assert.equal((await waiting).length, 700)
  })

  test('a copy is one moment of the database, under load, and can be put back', async () => {
    const file = join(directory, 'copied.db')
    const copy = join(directory, 'copy.db')
    const db = await openSqlite({ file, reserveBytes: 0 })
    await db.atomically([sql(TABLE)])
    const pair = (id: string): Statement[] => [insert(id), sql('INSERT INTO row VALUES (?, ?, 1)', `${id}+`, 'x')]
    for (let at = 0; at < 200; at += 1) await db.atomically(pair(`before${at}`))
    const load = Promise.all(Array.from({ length: 500 }, (_, at) => db.atomically(pair(`during${at}`))))
    await Promise.all([db.backup(copy), load])
    await assert.rejects(db.backup(copy), { code: 'backup_target_exists' })
    assert.equal(statSync(copy).mode & 0o777, 0o600)
    await db.atomically([insert('after')])
    await assert.rejects(restoreSqlite({ from: copy, file }), { code: 'database_in_use' })
    await db.close()
    await restoreSqlite({ from: copy, file })
    const restored = await openSqlite({ file, reserveBytes: 0 })
    const [counts] = await restored.read(
      sql(`SELECT sum(pair = 0) AS halves, sum(pair = 1) AS others, sum(id LIKE 'before%') AS early,
        sum(id = 'after') AS late FROM row`),
    )
    assert.equal(counts?.halves, counts?.others)
    assert.equal(counts?.early, 400)
    assert.equal(counts?.late, 0)
    await restored.close()
  })

  test('a damaged copy is not put back', async () => {
    const file = join(directory, 'kept.db')
    const db = await openSqlite({ file, reserveBytes: 0 })
    await db.atomically([sql(TABLE), insert('kept')])
    await db.close()
    const damaged = join(directory, 'damaged.db')
    await writeFile(damaged, Buffer.alloc(8192, 7))
    await assert.rejects(restoreSqlite({ from: damaged, file }))
    const again = await openSqlite({ file, reserveBytes: 0 })
    assert.equal((await again.read(sql('SELECT id FROM row')))[0]?.id, 'kept')
    await again.close()
  })

  test('the reserve stands beside the file, and stands again after a restart', async () => {
    const file = join(directory, 'reserve.db')
    const db = await openSqlite({ file, reserveBytes: 65_536 })
    assert.equal(statSync(`${file}-reserve`).size, 65_536)
    await db.close()
    await rm(`${file}-reserve`)
    await (await openSqlite({ file, reserveBytes: 65_536 })).close()
    assert.ok(existsSync(`${file}-reserve`))
  })
})
