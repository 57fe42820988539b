import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { openLedger, verifyLedger } from './index.ts'
import { entryOf, keys, logDir, ORIGIN } from './testing/log-dir.ts'

const SEGMENT = 'segments/00000000.seg'

const written = async (t: TestContext, n: number, bytes = 24): Promise<{ dir: string; key: string; half: string }> => {
  const dir = logDir(t)
  const log = await openLedger({ dir, origin: ORIGIN, signer: keys.privateKey })
  let half = ''
  for (let i = 0; i < n; i += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, k) => log.append(entryOf(i + k, bytes))))
    if (i === Math.floor(n / 20) * 10) half = log.checkpoint()
  }
  await log.close()
  return { dir, key: log.verifierKey, half }
}

test('a sound log is sound, live and closed, and says that nobody else vouches for it', async (t) => {
  const { dir, key, half } = await written(t, 100)
  const verdict = await verifyLedger(dir, key, { against: [half] })
  assert.equal(verdict.sound, true)
  assert.equal(verdict.size, 100)
  const log = await openLedger({ dir, origin: ORIGIN, signer: keys.privateKey })
  const more = Promise.all(Array.from({ length: 500 }, (_, i) => log.append(entryOf(i, 2_000))))
  assert.equal((await verifyLedger(dir, keys.publicKey, { origin: ORIGIN })).sound, true)
  await more
  await log.close()
})

test('any changed byte anywhere in a segment is found', async (t) => {
  const { dir, key } = await written(t, 100)
  const path = join(dir, SEGMENT)
  const clean = readFileSync(path)
  const used = clean.findLastIndex((byte) => byte !== 0) + 1
  const position = fc.oneof(fc.nat(used - 1), fc.nat(clean.length - 1), fc.nat(400))
  await fc.assert(
    fc.asyncProperty(position, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = Buffer.from(clean)
      bytes[at] = (bytes[at] ?? 0) ^ flip
      writeFileSync(path, bytes)
      const verdict = await verifyLedger(dir, key)
      assert.equal(verdict.sound, false)
      assert.ok(verdict.firstBad !== undefined && verdict.firstBad.file === SEGMENT)
      assert.ok(verdict.firstBad.offset <= at)
    }),
    { numRuns: 120 },
  )
})

test('the first bad entry is named', async (t) => {
  const { dir, key } = await written(t, 100)
  const path = join(dir, SEGMENT)
  const bytes = readFileSync(path)
  const at = bytes.indexOf('entry 57 ')
  bytes[at] = 0x45
  writeFileSync(path, bytes)
  const { firstBad, size } = await verifyLedger(dir, key)
  assert.deepEqual(
    { index: firstBad?.index, reason: firstBad?.reason, size },
    { index: 57, reason: 'entry_altered', size: 50 },
  )
  assert.ok((firstBad?.offset ?? 0) <= at && at < (firstBad?.offset ?? 0) + (firstBad?.length ?? 0))
})

test('the last batch cut off cleanly: found against the published and against a kept checkpoint', async (t) => {
  const { dir, key } = await written(t, 100)
  const kept = readFileSync(join(dir, 'checkpoint'), 'utf8')
  const bytes = readFileSync(join(dir, SEGMENT))
  bytes.fill(0, bytes.lastIndexOf('CFRM'))
  writeFileSync(join(dir, SEGMENT), bytes)
  assert.equal((await verifyLedger(dir, key)).firstBad?.reason, 'truncated')
  rmSync(join(dir, 'checkpoint'))
  assert.equal((await verifyLedger(dir, key)).sound, true)
  const verdict = await verifyLedger(dir, key, { against: [kept] })
  assert.equal(verdict.sound, false)
  assert.equal(verdict.firstBad?.index, 90)
})

test('entries exchanged, removed or put in, with every checksum made right again, are found', async (t) => {
  const { dir, key } = await written(t, 30)
  const { crc32 } = await import('node:zlib')
  const clean = readFileSync(join(dir, SEGMENT))
  const frame = (bytes: Buffer, at: number) => bytes.subarray(at, at + 120 + bytes.readUInt32BE(at + 8))
  const a = frame(clean, 160)
  const b = frame(clean, 160 + a.length)
  const c = frame(clean, 160 + a.length + b.length)
  const build = (frames: readonly Buffer[]) => {
    const bytes = Buffer.alloc(clean.length)
    clean.copy(bytes, 0, 0, 160)
    let at = 160
    for (const part of frames) at += part.copy(bytes, at)
    return bytes
  }
  const swapped = Buffer.from(a)
  const [x, y] = [Buffer.from(swapped.subarray(120, 147)), Buffer.from(swapped.subarray(147, 174))]
  y.copy(swapped, 120)
  x.copy(swapped, 147)
  swapped.writeUInt32BE(crc32(swapped.subarray(8)), 4)
  for (const frames of [
    [b, a, c],
    [a, c],
    [a, a, b, c],
    [swapped, b, c],
  ]) {
    writeFileSync(join(dir, SEGMENT), build(frames))
    assert.equal((await verifyLedger(dir, key)).sound, false)
  }
  writeFileSync(join(dir, SEGMENT), build([a, b, c]))
  assert.equal((await verifyLedger(dir, key)).sound, true)
})

test('segments exchanged, missing, or from another log are found', async (t) => {
  const { dir, key } = await written(t, 1_000, 4_000)
  const [first, second] = [join(dir, SEGMENT), join(dir, 'segments/00000001.seg')]
  const copy = logDir(t)
  const restore = () => cpSync(join(copy, 's'), join(dir, 'segments'), { recursive: true })
  cpSync(join(dir, 'segments'), join(copy, 's'), { recursive: true })
  renameSync(first, `${first}.x`)
  renameSync(second, first)
  renameSync(`${first}.x`, second)
  assert.equal((await verifyLedger(dir, key)).sound, false)
  restore()
  assert.equal((await verifyLedger(dir, key)).sound, true)
  rmSync(second)
  assert.equal((await verifyLedger(dir, key)).sound, false)
  restore()
  const other = await written(t, 10)
  cpSync(join(other.dir, SEGMENT), first)
  assert.equal((await verifyLedger(dir, key)).sound, false)
})

test('a history rewritten by the holder of the key is found against a kept checkpoint only', async (t) => {
  const { half } = await written(t, 100)
  const dir = logDir(t)
  const log = await openLedger({ dir, origin: ORIGIN, signer: keys.privateKey })
  for (let i = 0; i < 100; i += 1) await log.append(entryOf(i + 1))
  await log.close()
  assert.equal((await verifyLedger(dir, log.verifierKey)).sound, true)
  assert.equal((await verifyLedger(dir, log.verifierKey, { against: [half] })).firstBad?.reason, 'history_differs')
})

test('another key, another origin, no log at all', async (t) => {
  const { dir, key } = await written(t, 10)
  const other = generateKeyPairSync('ed25519').publicKey
  assert.equal((await verifyLedger(dir, other, { origin: ORIGIN })).sound, false)
  assert.equal((await verifyLedger(dir, keys.publicKey, { origin: 'other.example' })).sound, false)
  await assert.rejects(verifyLedger(dir, key, { origin: 'other.example' }), { code: 'verify_origin' })
  await assert.rejects(verifyLedger(dir, keys.publicKey), { code: 'verify_origin' })
  assert.equal((await verifyLedger(logDir(t), key)).firstBad?.reason, 'missing')
})
