import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLedger, verifyLedger } from './index.ts'
import { faultyFiles, forgetfulFiles } from './testing/faulty-files.ts'
import { entryOf, keys, logDir, ORIGIN } from './testing/log-dir.ts'

const open = (dir: string, more: object = {}) => openLedger({ dir, origin: ORIGIN, signer: keys.privateKey, ...more })

test('short writes are continued', async (t) => {
  const dir = logDir(t)
  const files = faultyFiles()
  const log = await open(dir, { files })
  files.shortWrites(100)
  await Promise.all(Array.from({ length: 20 }, (_, i) => log.append(entryOf(i, 200))))
  files.shortWrites(undefined)
  await log.close()
  assert.deepEqual((await verifyLedger(dir, log.verifierKey)).size, 20)
})

for (const code of ['ENOSPC', 'EDQUOT']) {
  test(`${code} refuses what waits; when there is room again the log goes on without a trace`, async (t) => {
    const dir = logDir(t)
    const files = faultyFiles()
    const log = await open(dir, { files })
    await log.append(entryOf(0))
    files.failWrites(code, 150)
    const tries = await Promise.allSettled([log.append(entryOf(1, 400)), log.append(entryOf(2, 400))])
    for (const result of tries) assert.ok(result.status === 'rejected' && result.reason.code === 'ledger_full')
    await assert.rejects(log.append(entryOf(3)), { code: 'ledger_full', kind: 'unavailable' })
    assert.equal(log.size(), 1)
    files.failWrites(undefined)
    assert.equal((await log.append(entryOf(4))).index, 1)
    await log.close()
    const verdict = await verifyLedger(dir, log.verifierKey)
    assert.deepEqual([verdict.sound, verdict.size], [true, 2])
  })
}

test('a disk that takes nothing and says nothing is a full disk', async (t) => {
  const dir = logDir(t)
  const files = faultyFiles()
  const log = await open(dir, { files })
  files.shortWrites(0)
  await assert.rejects(log.append(entryOf(0)), { code: 'ledger_full' })
  files.shortWrites(undefined)
  assert.equal((await log.append(entryOf(1))).index, 0)
  await log.close()
})

for (const code of ['EIO', 'EROFS']) {
  test(`${code} fences the log until it is opened again; nothing acknowledged is lost`, async (t) => {
    const dir = logDir(t)
    const files = faultyFiles()
    const log = await open(dir, { files })
    await log.append(entryOf(0))
    files.failWrites(code, 60)
    await assert.rejects(log.append(entryOf(1, 400)), { code: 'ledger_fenced', kind: 'unavailable' })
    files.failWrites(undefined)
    await assert.rejects(log.append(entryOf(2)), { code: 'ledger_fenced' })
    assert.equal(log.problem(), 'ledger_fenced')
    assert.deepEqual(Buffer.from(await log.entry(0)), entryOf(0))
    await log.close()
    const again = await open(dir)
    assert.equal(again.size(), 1)
    assert.equal((await again.append(entryOf(3))).index, 1)
    await again.close()
    assert.equal((await verifyLedger(dir, log.verifierKey)).sound, true)
  })
}

test('no room for the next segment: refused at the border, and on it goes', async (t) => {
  const dir = logDir(t)
  const files = faultyFiles()
  const log = await open(dir, { files })
  let create = true
  const original = files.create
  files.create = async (path) => {
    if (!create && path.endsWith('spare.tmp')) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    return original(path)
  }
  create = false
  let taken = 0
  const fill = async () => {
    for (; taken < 100; taken += 1) await log.append(entryOf(taken, 60_000))
  }
  await assert.rejects(fill(), { code: 'ledger_full' })
  assert.ok(taken > 10)
  create = true
  await fill()
  assert.equal(log.size(), 100)
  await log.close()
  assert.equal((await verifyLedger(dir, log.verifierKey)).size, 100)
})

test('a next segment that does not fit takes no room: it is removed, and not tried with every append', async (t) => {
  const dir = logDir(t)
  const files = faultyFiles()
  const log = await open(dir, { files })
  const original = files.create
  let tries = 0
  files.create = async (path) => {
    const file = await original(path)
    if (!path.endsWith('spare.tmp')) return file
    tries += 1
    const write = async (bytes: Uint8Array, position: number) => {
      if (position > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      return file.write(bytes, position)
    }
    return { ...file, write, sync: () => file.sync(), close: () => file.close() }
  }
  for (let i = 0; i < 100; i += 1) await log.append(entryOf(i, 9_000))
  assert.ok(tries > 0 && tries <= 9, String(tries))
  // What is on its way when the log is closed has ended then.
  await log.close()
  assert.equal(existsSync(join(dir, 'segments/spare.tmp')), false)
})

const crashAfter = async (dir: string, lying: boolean): Promise<number> => {
  const files = forgetfulFiles(lying)
  const log = await open(dir, { files, publishMs: 3_600_000 })
  let acknowledged = 0
  for (let i = 0; i < 60; i += 1) {
    await log.append(entryOf(i, 30_000))
    acknowledged += 1
  }
  void log.append(entryOf(99, 30_000)).catch(() => undefined)
  files.crash()
  await log.close().catch(() => undefined)
  return acknowledged
}

test('power lost: what was never synced is gone, what was acknowledged is there', async (t) => {
  const dir = logDir(t)
  const acknowledged = await crashAfter(dir, false)
  const log = await open(dir)
  assert.ok(log.size() >= acknowledged)
  for (let i = 0; i < acknowledged; i += 1) assert.deepEqual(Buffer.from(await log.entry(i)), entryOf(i, 30_000))
  await log.close()
})

test('the same test can fail: with a sync that lies, records are lost', async (t) => {
  const dir = logDir(t)
  await crashAfter(dir, true).catch(() => 0)
  const segment = readFileSync(join(dir, 'segments/00000000.seg'), { flag: 'a+' })
  assert.equal(segment.includes('entry 5 '), false)
})
