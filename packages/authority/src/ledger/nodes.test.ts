/** One ledger, several nodes, and everything that can happen between them and their PostgreSQL. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Database, migrate } from '@credence/db'
import { type PostgresProxy, postgresProxy, type TestSchema, testSchema } from '@credence/db/testing'
import { newId } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { rounds } from '@credence/kit/testing'
import { type Acknowledgement, type Ledger, openRowLedger, type RowLedgerOptions, verifyLedger } from '@credence/ledger'
import { key, keys, ORIGIN } from '@credence/ledger/testing'
import { parseVerifierKey, verifyCheckpoint } from '@credence/protocol/c2sp'
import { verifyConsistency, verifyInclusion } from '@credence/protocol/rfc9162'
import { migrations } from '../migrations.ts'
import { exportLedger } from './export.ts'
import { createLedgerRows } from './rows.ts'

const CHILD = fileURLToPath(new URL('../testing/append-rows-until-killed.ts', import.meta.url))
const PEM = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

interface Line {
  readonly index: number
  readonly entry: string
  readonly checkpoint: string
}

describe('one ledger in PostgreSQL, several nodes', { timeout: 120_000 + 5_000 * rounds(4) }, () => {
  let server: TestSchema
  let db: Database
  let dir: string
  let domain: ReturnType<typeof newDomain>
  const newDomain = () => newId('dom', nodeRandom)
  before(async () => {
    server = testSchema()
    db = await server.open()
    await migrate(db, migrations)
    dir = mkdtempSync(join(tmpdir(), 'credence-nodes-'))
  })
  after(async () => {
    await server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  const open = (on: Database, more: Partial<RowLedgerOptions> = {}): Promise<Ledger> =>
    openRowLedger({
      rows: createLedgerRows(on, domain),
      origin: ORIGIN,
      signer: keys.privateKey,
      random: nodeRandom,
      clock: nodeClock,
      ...more,
    })

  const verdict = async (against: readonly string[] = []) => {
    const copy = join(dir, newId('rec', nodeRandom))
    await exportLedger(db, copy, { domain, key })
    return verifyLedger(copy, key, { against })
  }

  const startNode = (lines: Line[]): { child: ChildProcess; ended: Promise<unknown> } => {
    const child = spawn(process.execPath, [CHILD, server.url, server.schema, domain, ORIGIN, PEM], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const whole = text.split('\n')
      text = whole.pop() ?? ''
      for (const line of whole) lines.push(JSON.parse(line) as Line)
    })
    return { child, ended: new Promise((resolve) => child.on('close', resolve)) }
  }

  const holds = async (lines: readonly Line[]): Promise<void> => {
    const log = await open(db)
    const byIndex = new Map(lines.map((line) => [line.index, line.entry]))
    assert.equal(byIndex.size, lines.length, 'an index was given twice')
    const seen = new Set<string>()
    for await (const { index, entry } of log.entries(0, log.size())) {
      const text = Buffer.from(entry).toString()
      assert.ok(!seen.has(text), `entry ${index} is there twice`)
      seen.add(text)
      const wanted = byIndex.get(index)
      if (wanted !== undefined) assert.ok(text.startsWith(`${wanted} `))
      byIndex.delete(index)
    }
    assert.equal(byIndex.size, 0, 'something acknowledged is not there')
    await noFork(
      log,
      lines.map(({ checkpoint }) => checkpoint),
    )
    await log.close()
  }

  const noFork = async (log: Ledger, notes: readonly string[]): Promise<void> => {
    const heads = [...new Set(notes)].map((note) => verifyCheckpoint(note, parseVerifierKey(key)))
    heads.sort((x, y) => x.size - y.size)
    // Each follows from the one before, so that every pair does.
    for (const [i, newer] of heads.slice(1).entries()) {
      const older = heads[i] as (typeof heads)[number]
      const [size1, size2] = [older.size, newer.size]
      const proof = await log.consistencyProof(size1, size2)
      assert.ok(verifyConsistency({ size1, size2, root1: older.root, root2: newer.root, proof }), `${size1} ${size2}`)
    }
  }

  test('two processes under load, one of them killed again and again: nothing is lost, nothing forks', async () => {
    domain = newDomain()
    const lines: Line[] = []
    const stays = startNode(lines)
    for (let round = 0; round < rounds(4); round += 1) {
      const mine: Line[] = []
      const dies = startNode(mine)
      for (let tries = 0; tries < 300 && mine.length < 10 + ((round * 37) % 50); tries += 1) await wait(20)
      dies.child.kill('SIGKILL')
      await dies.ended
      assert.ok(mine.length > 0, 'the other one starved it')
      lines.push(...mine)
    }
    const before = lines.length
    for (let tries = 0; tries < 300 && lines.length < before + 50; tries += 1) await wait(20)
    stays.child.kill('SIGKILL')
    await stays.ended
    assert.ok(lines.length >= before + 50, 'the one that stayed went on')
    await holds(lines)
    const found = await verdict(lines.slice(0, 5).map(({ checkpoint }) => checkpoint))
    assert.equal(found.sound, true, JSON.stringify(found))
  })

  const through = async (run: (log: Ledger, proxy: PostgresProxy) => Promise<void>): Promise<void> => {
    const proxy = await postgresProxy()
    const far = await server.open({ url: proxy.url, connections: 3, connectTimeoutMs: 500 })
    const log = await open(far, { followMs: 0 })
    try {
      await run(log, proxy)
    } finally {
      await log.close()
      await far.close()
      await proxy.close()
    }
  }

  test('connections break while they commit: every entry is there once, where its acknowledgement says', async () => {
    domain = newDomain()
    const lines: Line[] = []
    await through(async (log, proxy) => {
      const other = await open(db)
      const append = async (to: Ledger, entry: string): Promise<void> => {
        const { index, checkpoint } = await to.append(Buffer.from(`${entry} `))
        lines.push({ index, entry, checkpoint })
      }
      const worker = async (name: string): Promise<void> => {
        for (let n = 0; n < 25; n += 1) await append(log, `${name}-${n}`)
      }
      const elsewhere = async (): Promise<void> => {
        for (let n = 0; n < 60; n += 1) {
          await append(other, `other-${n}`)
          await wait(5)
        }
      }
      let working = true
      const load = Promise.allSettled([elsewhere(), ...Array.from({ length: 6 }, (_, n) => worker(`worker-${n}`))])
      const breaking = (async () => {
        for (let round = 0; working; round += 1) {
          proxy.swallow(round % 2 === 0)
          await wait(5 + ((round * 13) % 40))
          proxy.cut()
          proxy.swallow(false)
          await wait(30)
        }
      })()
      await load
      working = false
      await breaking
      await other.close()
    })
    assert.ok(lines.length > 60, String(lines.length))
    await holds(lines)
    assert.equal((await verdict()).sound, true)
  })

  test('PostgreSQL cannot be reached: refused as unavailable, and afterwards it goes on where it was', async () => {
    domain = newDomain()
    await through(async (log, proxy) => {
      assert.equal((await log.append(Buffer.from('one'))).index, 0)
      proxy.refuse(true)
      const sent = log.append(Buffer.from('two'))
      await wait(300)
      const begun = performance.now()
      await assert.rejects(log.append(Buffer.from('three')), { kind: 'unavailable' })
      assert.ok(performance.now() - begun < 100, 'it is refused at once')
      await assert.rejects(log.refresh(), { kind: 'unavailable' })
      proxy.refuse(false)
      assert.equal((await sent).index, 1)
      assert.equal((await log.append(Buffer.from('four'))).index, 2)
    })
    assert.deepEqual([(await verdict()).sound, (await verdict()).size], [true, 3])
  })

  test('two writers in one database take turns: both get on', async () => {
    domain = newDomain()
    const logs = [await open(db), await open(await server.open())]
    const each = [0, 0]
    const until = performance.now() + 2_000
    const work = async (node: number, worker: number): Promise<void> => {
      for (let n = 0; performance.now() < until; n += 1) {
        await (logs[node] as Ledger).append(Buffer.from(`${node} ${worker} ${n}`))
        each[node] = (each[node] ?? 0) + 1
      }
    }
    await Promise.all([0, 1].flatMap((node) => Array.from({ length: 16 }, (_, worker) => work(node, worker))))
    const [a = 0, b = 0] = each
    assert.ok(a > 20 && b > 20 && Math.max(a, b) < 5 * Math.min(a, b), `unfair: ${each}`)
    for (const log of logs) await log.close()
    assert.deepEqual([(await verdict()).sound, (await verdict()).size], [true, a + b])
  })

  test('a row altered or deleted by hand is found, and a database put back is found against a kept checkpoint', async () => {
    domain = newDomain()
    const checkpointFile = join(dir, 'kept', 'checkpoint')
    const log = await open(db, { checkpointFile })
    for (let n = 0; n < 20; n += 1) await log.append(Buffer.from(`entry ${n}`))
    await log.close()
    const run = (sql: string) => server.admin(sql.replaceAll('TABLE_', `${server.schema}.ledger_`))
    const of = `WHERE domain = '${domain}'`
    assert.equal((await verdict()).sound, true)
    await run(`UPDATE TABLE_batches SET frame = overlay(frame placing 'E'::bytea from 124) ${of} AND first = 7`)
    assert.deepEqual([(await verdict()).firstBad?.index, (await verdict()).sound], [7, false])
    await run(`UPDATE TABLE_batches SET frame = overlay(frame placing 'e'::bytea from 124) ${of} AND first = 7`)
    assert.equal((await verdict()).sound, true)
    await run(`DELETE FROM TABLE_batches ${of} AND first = 19`)
    assert.equal((await verdict()).firstBad?.reason, 'truncated')
    await assert.rejects(open(db, { checkpointFile }), { code: 'ledger_corrupt' })

    domain = newDomain()
    const again = await open(db)
    await again.append(Buffer.from('another history'))
    await again.close()
    await assert.rejects(open(db, { checkpointFile }), { kind: 'refused', code: 'ledger_truncated' })
    assert.equal((await verdict([readFileSync(checkpointFile, 'utf8')])).sound, false)
  })

  test('a database that went back under a running node fences it', async () => {
    domain = newDomain()
    const log = await open(db, { followMs: 0 })
    await log.append(Buffer.from('one'))
    const heads = `${server.schema}.ledger_heads`
    const batches = `${server.schema}.ledger_batches`
    await server.admin(`CREATE TABLE ${server.schema}.backup AS SELECT * FROM ${heads} WHERE domain = '${domain}'`)
    await log.append(Buffer.from('two'))
    await server.admin(`DELETE FROM ${batches} WHERE domain = '${domain}' AND first = 1;
      DELETE FROM ${heads} WHERE domain = '${domain}'; INSERT INTO ${heads} SELECT * FROM ${server.schema}.backup`)
    await assert.rejects(log.append(Buffer.from('three')), { kind: 'unavailable', code: 'ledger_went_back' })
    await assert.rejects(log.append(Buffer.from('four')), { kind: 'unavailable' })
    assert.equal((await verdict()).size, 1)
    await log.close()
  })

  test('a node that loses its power while it sends a batch holds nobody up', async () => {
    domain = newDomain()
    const other = await open(db)
    for (const bytes of [30_000, 200_000, 399_000, 400_900]) {
      await through(async (log, proxy) => {
        await log.append(Buffer.from('it works'))
        proxy.stall(bytes)
        const big = Array.from({ length: 8 }, () => log.append(Buffer.alloc(50_000, 1)))
        const answered = Promise.allSettled(big)
        await wait(100)
        const begun = performance.now()
        await other.append(Buffer.from(`while it hangs after ${bytes} bytes`))
        assert.ok(performance.now() - begun < 1_000, `held up after ${bytes} bytes`)
        proxy.stall(Number.POSITIVE_INFINITY)
        proxy.cut()
        for (const one of await answered) assert.equal(one.status, 'fulfilled')
      })
    }
    await other.close()
    assert.equal((await verdict()).sound, true)
  })

  test('a node that is stopped while it catches up holds nobody up', async () => {
    domain = newDomain()
    const other = await open(db)
    await through(async (log, proxy) => {
      await log.append(Buffer.from('it works'))
      for (let n = 0; n < 40; n += 1) {
        await Promise.all(Array.from({ length: 8 }, () => other.append(Buffer.alloc(60_000, n))))
      }
      proxy.pause(20_000)
      const late = log.append(Buffer.from('late'))
      await wait(300)
      const begun = performance.now()
      await other.append(Buffer.from('while it sleeps'))
      assert.ok(performance.now() - begun < 1_500, 'held up')
      proxy.resume()
      proxy.cut()
      assert.ok((await late).index > 0)
    })
    await other.close()
    assert.equal((await verdict()).sound, true)
  })

  test('a row beyond the head is in the way, and nothing is acknowledged over it', async () => {
    domain = newDomain()
    const log = await open(db, { followMs: 0 })
    await log.append(Buffer.from('one'))
    await server.admin(`INSERT INTO ${server.schema}.ledger_batches (domain, first, size, token, frame)
      VALUES ('${domain}', 1, 2, 'x', 'x')`)
    assert.equal(log.problem(), undefined)
    await assert.rejects(log.append(Buffer.from('two')), { kind: 'unavailable', code: 'ledger_row_altered' })
    await server.admin(`DELETE FROM ${server.schema}.ledger_batches WHERE domain = '${domain}' AND first = 1`)
    await assert.rejects(log.append(Buffer.from('two')), { code: 'ledger_row_altered' })
    assert.equal(log.problem(), 'ledger_row_altered')
    await log.close()
    const again = await open(db, { followMs: 0 })
    assert.equal((await again.append(Buffer.from('two'))).index, 1)
    await again.close()
  })

  test('many entries at once fill tiles, and another node proves with them', async () => {
    domain = newDomain()
    const [one, two] = [await open(db), await open(await server.open())]
    const acks = await Promise.all(Array.from({ length: 70_000 }, (_, n) => one.append(Buffer.from(`entry ${n}`))))
    await two.refresh()
    for (const at of [0, 255, 256, 65_535, 65_536, 69_999]) {
      const ack = acks[at] as Acknowledgement
      const { root, size } = verifyCheckpoint(ack.checkpoint, parseVerifierKey(key))
      const proof = await two.inclusionProof(at, size)
      assert.ok(verifyInclusion({ index: at, size, leaf: ack.leafHash, root, proof }))
    }
    await one.close()
    const again = await open(db)
    assert.equal(again.checkpoint(), two.checkpoint())
    for (const log of [two, again]) await log.close()
  })
})
