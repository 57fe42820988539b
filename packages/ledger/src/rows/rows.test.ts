/** Several writers, answers that are lost, and rows that are not what they were: on rows with levers. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { parseVerifierKey, verifyCheckpoint } from '@credence/protocol/c2sp'
import { leafHash, verifyConsistency, verifyInclusion } from '@credence/protocol/rfc9162'
import fc from 'fast-check'
import { exportLog, type Ledger, openRowLedger, type RowLedger, verifyLedger } from '../index.ts'
import { decodeFrame } from '../segment/format.ts'
import { entryOf, key, keys, ORIGIN } from '../testing/log-dir.ts'
import { type Lever, MemoryRows } from '../testing/memory-rows.ts'
import type { RowBatch } from './port.ts'

const open = (rows: MemoryRows, more: object = {}): Promise<RowLedger> =>
  openRowLedger({
    rows,
    origin: ORIGIN,
    signer: keys.privateKey,
    random: nodeRandom,
    clock: nodeClock,
    followMs: 0,
    ...more,
  })

const folder = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-rows-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const verdictOf = async (rows: MemoryRows, dir: string, against: readonly string[] = []) => {
  const copy = join(dir, `copy-${nodeRandom.bytes(4).join('')}`)
  if (rows.origin === undefined) throw new Error('no log')
  await exportLog({ origin: rows.origin, rows, key }, copy)
  return verifyLedger(copy, keys.publicKey, { origin: ORIGIN, against })
}

const allEntries = async (log: Ledger): Promise<string[]> => {
  await log.refresh()
  const found: string[] = []
  for await (const { entry } of log.entries(0, log.size())) found.push(Buffer.from(entry).toString())
  return found
}

test('two writers under load: no fork, no gap, every acknowledgement true, and neither starves', async () => {
  const rows = new MemoryRows()
  const logs = [await open(rows), await open(rows)]
  const notes: string[] = []
  const acknowledged = new Map<number, string>()
  const each = [0, 0]
  const until = performance.now() + 1_500
  const work = async (node: number, worker: number): Promise<void> => {
    for (let n = 0; performance.now() < until; n += 1) {
      const entry = `${node} ${worker} ${n}`
      const ack = await (logs[node] as Ledger).append(Buffer.from(entry))
      assert.ok(!acknowledged.has(ack.index), `index ${ack.index} was given twice`)
      acknowledged.set(ack.index, entry)
      each[node] = (each[node] ?? 0) + 1
      if (n % 20 === 0) {
        notes.push(ack.checkpoint)
        const { root, size } = verifyCheckpoint(ack.checkpoint, parseVerifierKey((logs[0] as Ledger).verifierKey))
        assert.ok(verifyInclusion({ index: ack.index, size, leaf: ack.leafHash, root, proof: await ack.proof() }))
      }
    }
  }
  await Promise.all([0, 1].flatMap((node) => Array.from({ length: 8 }, (_, worker) => work(node, worker))))
  const [a = 0, b = 0] = each
  assert.ok(a > 50 && b > 50 && Math.max(a, b) < 4 * Math.min(a, b), `unfair: ${each}`)
  const entries = await allEntries(logs[0] as Ledger)
  assert.equal(entries.length, acknowledged.size)
  for (const [index, entry] of acknowledged) assert.equal(entries[index], entry)
  await noFork(logs[0] as Ledger, notes)
  for (const log of logs) await log.close()
})

const noFork = async (log: Ledger, notes: readonly string[]): Promise<void> => {
  const heads = [...new Set(notes)].map((note) => verifyCheckpoint(note, parseVerifierKey(log.verifierKey)))
  heads.sort((x, y) => x.size - y.size)
  for (const [i, older] of heads.entries()) {
    for (const newer of heads.slice(i + 1)) {
      const [size1, size2] = [older.size, newer.size]
      const proof = await log.consistencyProof(size1, size2)
      assert.ok(verifyConsistency({ size1, size2, root1: older.root, root2: newer.root, proof }))
    }
  }
}

test('a lost answer is found out about: whatever is lost, every entry is there once and in its place', async () => {
  const lever = fc.constantFrom<Lever>('none', 'none', 'lost-before', 'lost-after', 'late')
  await fc.assert(
    fc.asyncProperty(fc.array(lever, { minLength: 5, maxLength: 15 }), async (levers) => {
      const rows = new MemoryRows()
      const logs = [await open(rows), await open(rows)]
      rows.levers = [...levers]
      const made: [number, string][] = []
      const work = async (log: Ledger, name: string): Promise<void> => {
        for (let n = 0; n < 4; n += 1) {
          const entry = `${name} ${n}`
          made.push([(await log.append(Buffer.from(entry))).index, entry])
        }
      }
      await Promise.all([...logs, ...logs].map((log, at) => work(log, String(at))))
      const entries = await allEntries(logs[1] as Ledger)
      assert.equal(entries.length, 16)
      for (const [index, entry] of made) assert.equal(entries[index], entry)
      for (const log of logs) await log.close()
    }),
    { numRuns: 40 },
  )
})

test('while the rows do not answer, what was not sent is refused at once and what was sent is settled', async () => {
  const rows = new MemoryRows()
  const log = await open(rows)
  await log.append(entryOf(0))
  rows.levers = ['last']
  const sent = log.append(entryOf(1))
  while (!rows.gone) await wait(1)
  await wait(5)
  await assert.rejects(log.append(entryOf(2)), { kind: 'unavailable', code: 'ledger_unavailable' })
  await assert.rejects(log.refresh(), { kind: 'unavailable' })
  rows.gone = false
  assert.equal((await sent).index, 1)
  assert.equal((await log.append(entryOf(3))).index, 2)
  assert.equal(rows.commits, 3)
  await log.close()
})

test('a process that ends while the rows do not answer says that it does not know', async () => {
  const rows = new MemoryRows()
  const log = await open(rows)
  rows.gone = true
  const sent = assert.rejects(log.append(entryOf(1)), { kind: 'unavailable', code: 'ledger_unsettled' })
  await wait(30)
  await log.close()
  await sent
})

test('a writer that died with the turn is waited for a moment only', async () => {
  const rows = new MemoryRows()
  const log = await open(rows)
  rows.turn = 'somebody who died'
  const begun = performance.now()
  assert.equal((await log.append(entryOf(0))).index, 0)
  assert.ok(performance.now() - begun < 1_500)
  await log.close()
})

test('an entry that is the same as one before is acknowledged with its place, whoever appends it', async () => {
  const rows = new MemoryRows()
  const sameBy = (entry: Uint8Array): string => Buffer.from(entry).toString().split(':')[0] ?? ''
  const [one, two] = [await open(rows, { sameBy }), await open(rows, { sameBy })]
  const first = await one.append(Buffer.from('a:first'))
  await one.append(Buffer.from('b:x'))
  const again = await two.append(Buffer.from('a:second try'))
  assert.equal(again.index, 0)
  assert.deepEqual(again.leafHash, first.leafHash)
  const many = await Promise.all(
    [one, two, one, two].flatMap((log, n) => [log.append(Buffer.from(`c:${n}`)), log.append(Buffer.from(`a:${n}`))]),
  )
  assert.equal(new Set(many.map(({ index }) => index)).size, 2)
  for (const ack of [again, ...many]) {
    const { root, size } = verifyCheckpoint(ack.checkpoint, parseVerifierKey(one.verifierKey))
    assert.ok(verifyInclusion({ index: ack.index, size, leaf: ack.leafHash, root, proof: await ack.proof() }))
  }
  const restarted = await open(rows, { sameBy })
  assert.equal((await restarted.append(Buffer.from('b:again'))).index, 1)
  assert.equal((await allEntries(one)).length, 3)
  for (const log of [one, two, restarted]) await log.close()
})

const flip = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

const alter = ({ log }: MemoryRows, batch: number, at: number): void => {
  const row = log[batch] as RowBatch
  log.splice(batch, 1, { ...row, frame: flip(row.frame, at) })
}

const filled = async (): Promise<{ rows: MemoryRows; log: RowLedger }> => {
  const rows = new MemoryRows()
  const log = await open(rows)
  for (let i = 0; i < 30; i += 1) await log.append(entryOf(i))
  return { rows, log }
}

test('a row that was altered, deleted or exchanged by hand is found by an examination', async (t) => {
  const dir = folder(t)
  const hands: [string, number][] = [
    ['an entry', 125],
    ['the checksum', 5],
    ['the root', 30],
    ['a signature', 60],
  ]
  for (const [title, at] of hands) {
    const { rows, log } = await filled()
    await log.close()
    alter(rows, 7, at)
    assert.equal((await verdictOf(rows, dir)).sound, false, title)
  }
  for (const at of [7, 29]) {
    const { rows, log } = await filled()
    await log.close()
    rows.log.splice(at, 1)
    assert.equal((await verdictOf(rows, dir)).sound, false, `batch ${at} is gone`)
  }
  const exchanged = await filled()
  await exchanged.log.close()
  const [a, b] = [exchanged.rows.log[3] as RowBatch, exchanged.rows.log[4] as RowBatch]
  exchanged.rows.log.splice(3, 2, { ...a, frame: b.frame }, { ...b, frame: a.frame })
  await assert.rejects(verdictOf(exchanged.rows, dir), { kind: 'refused', code: 'ledger_row_altered' })

  const shorter = await filled()
  const kept = shorter.log.checkpoint()
  await shorter.log.close()
  const { rows } = shorter
  rows.log.pop()
  const tail = decodeFrame(Buffer.from((rows.log.at(-1) as RowBatch).frame), 0)
  if (tail === undefined) throw new Error('no frame')
  rows.head = { size: tail.size, root: Buffer.from(tail.root, 'latin1'), signature: tail.signature }
  assert.equal(
    (await verdictOf(rows, dir)).sound,
    true,
    'whoever has the rows can cut off the tail together with the head',
  )
  assert.equal((await verdictOf(rows, dir, [kept])).firstBad?.reason, 'truncated')
})

test('a node does not sign on top of rows that are not what they were', async () => {
  for (const hand of [
    (rows: MemoryRows) => alter(rows, 30, 125),
    (rows: MemoryRows) => rows.log.splice(30, 1),
    (rows: MemoryRows) => {
      rows.head = { ...rows.head, root: flip(rows.head.root, 3) }
    },
  ]) {
    const { rows, log } = await filled()
    const other = await open(rows)
    await other.append(entryOf(30))
    hand(rows)
    const { commits } = rows
    await assert.rejects(log.append(entryOf(31)), { kind: 'unavailable' })
    await assert.rejects(log.append(entryOf(32)), { kind: 'unavailable' })
    assert.equal(rows.commits, commits)
    for (const one of [log, other]) await one.close()
  }
})

test('rows that were put back to an earlier state: found by who runs, and at the start by what was kept beside', async (t) => {
  const checkpointFile = join(folder(t), 'ledger/checkpoint')
  const rows = new MemoryRows()
  const log = await open(rows, { checkpointFile, publishMs: 5 })
  await log.append(entryOf(0))
  const backup = { head: rows.head, log: [...rows.log] }
  await log.append(entryOf(1))
  const kept = () => (existsSync(checkpointFile) ? readFileSync(checkpointFile, 'utf8') : '')
  for (let tries = 0; tries < 200 && !kept().startsWith(`${ORIGIN}\n2\n`); tries += 1) await wait(10)
  assert.match(kept(), /^ledger\.example\n2\n/)
  Object.assign(rows, { ...backup, log: [...backup.log] })
  await assert.rejects(log.append(entryOf(2)), { kind: 'unavailable', code: 'ledger_went_back' })
  assert.equal(rows.head.size, 1)
  await log.close()
  await assert.rejects(open(rows, { checkpointFile }), { kind: 'refused', code: 'ledger_truncated' })
  const stranger = await open(rows)
  await stranger.append(entryOf(7))
  await stranger.close()
  await assert.rejects(open(rows, { checkpointFile }), { kind: 'refused', code: 'ledger_forked' })
  assert.ok(existsSync(checkpointFile))
})

test('tiles that are gone or altered are made again from the entries', async () => {
  const rows = new MemoryRows()
  const log = await open(rows)
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => log.append(entryOf(i))))
  await log.close()
  const before = new Map(rows.tiles)
  assert.equal(before.size, 3)
  rows.tiles.delete('0/1')
  rows.tiles.set('0/2', new Uint8Array(8_192))
  const again = await open(rows)
  assert.equal(again.checkpoint(), log.checkpoint())
  assert.deepEqual(rows.tiles, before)
  await again.append(entryOf(1_000))
  await again.close()
})

test('a proof is made of tiles that lead to the signed root, whatever lies in the rows', async () => {
  const rows = new MemoryRows()
  const first = await open(rows)
  await Promise.all(Array.from({ length: 66_000 }, (_, n) => first.append(entryOf(n))))
  await first.close()
  const before = new Map(rows.tiles)
  const alter = (path: string, at: number) => {
    const tile = Buffer.from(rows.tiles.get(path) ?? '')
    rows.tiles.set(path, tile.fill(7, at, at + 32))
  }
  const log = await open(rows)
  alter('0/3', 0)
  alter('0/200', 64)
  alter('1/0', 96)
  rows.tiles.delete('0/9')
  const { root, size } = verifyCheckpoint(log.checkpoint(), parseVerifierKey(log.verifierKey))
  for (const index of [5, 768, 769, 2_400, 51_300, 65_535, 65_999]) {
    const leaf = leafHash(await log.entry(index))
    assert.ok(verifyInclusion({ index, size, leaf, root, proof: await log.inclusionProof(index, size) }), `${index}`)
  }
  assert.deepEqual(rows.tiles, before)
  await log.close()
  const other = await open(rows)
  alter('0/3', 0)
  rows.log = rows.log.filter(({ first: at, size: end }) => end <= 768 || at > 1_023)
  await assert.rejects(other.inclusionProof(769, size), { kind: 'unavailable' })
  await other.close()
})

test('a log in files is taken over entry by entry, and its checkpoints stay true', async () => {
  const rows = new MemoryRows()
  const old = await open(new MemoryRows())
  const notes: string[] = []
  for (let i = 0; i < 400; i += 40) {
    await Promise.all(Array.from({ length: 40 }, (_, k) => old.append(entryOf(i + k))))
    notes.push(old.checkpoint())
  }
  const log = await open(rows, { sameBy: () => 'all the same' })
  const half = { checkpoint: () => notes[6] ?? '', entries: old.entries.bind(old) }
  await log.adopt(half, 'here')
  await log.adopt(old, 'here')
  assert.equal(log.checkpoint(), old.checkpoint())
  await noFork(log, notes)
  const other = await open(rows)
  await other.append(entryOf(1))
  await old.append(entryOf(2))
  await assert.rejects(log.adopt(old, 'here'), { code: 'ledger_moved' })
  for (const one of [log, other, old]) await one.close()
})
