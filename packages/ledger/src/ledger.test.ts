import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseVerifierKey, verifyCheckpoint } from '@credence/protocol/c2sp'
import { leafHash, nodeHash, verifyConsistency, verifyInclusion } from '@credence/protocol/rfc9162'
import { openLedger } from './index.ts'
import { entryOf, keys, logDir, ORIGIN } from './testing/log-dir.ts'

/** RFC 9162 section 2.1.1, as it is written: the tree nobody could get wrong. */
const naiveRoot = (leaves: readonly Uint8Array[]): Uint8Array => {
  if (leaves.length === 1) return leaves[0] ?? new Uint8Array()
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

const open = (dir: string, more: object = {}) => openLedger({ dir, origin: ORIGIN, signer: keys.privateKey, ...more })

test('roots, inclusion and consistency agree with a naive tree for every pair of sizes up to 80', async (t) => {
  const log = await open(logDir(t))
  const leaves = Array.from({ length: 80 }, (_, i) => leafHash(entryOf(i)))
  for (let i = 0; i < 80; i += 1) await log.append(entryOf(i))
  const roots = leaves.map((_, i) => naiveRoot(leaves.slice(0, i + 1)))
  const head = verifyCheckpoint(log.checkpoint(), parseVerifierKey(log.verifierKey))
  assert.deepEqual(Buffer.from(head.root), Buffer.from(roots[79] ?? []))
  for (let size = 1; size <= 80; size += 1) {
    const root = roots[size - 1] ?? new Uint8Array()
    for (let index = 0; index < size; index += 1) {
      const leaf = leaves[index] ?? new Uint8Array()
      assert.ok(verifyInclusion({ index, size, leaf, root, proof: await log.inclusionProof(index, size) }))
      const proof = await log.consistencyProof(index + 1, size)
      assert.ok(verifyConsistency({ size1: index + 1, size2: size, root1: roots[index] ?? root, root2: root, proof }))
    }
  }
  await log.close()
})

test('a log over many tiles and segments opens again with the same root, and proves across the border', async (t) => {
  const dir = logDir(t)
  const log = await open(dir)
  const n = 1_500
  const acks = await Promise.all(Array.from({ length: n }, (_, i) => log.append(entryOf(i, 4_000))))
  const before = log.checkpoint()
  await log.close()
  assert.ok(readdirSync(join(dir, 'segments')).length > 2)
  const again = await open(dir)
  t.after(() => again.close())
  assert.equal(again.size(), n)
  assert.equal(again.checkpoint(), before)
  await again.append(entryOf(n))
  const { root } = verifyCheckpoint(before, parseVerifierKey(log.verifierKey))
  for (const index of [0, 255, 256, 1_023, 1_024, n - 1]) {
    const leaf = leafHash(entryOf(index, 4_000))
    assert.ok(verifyInclusion({ index, size: n, leaf, root, proof: await again.inclusionProof(index, n) }))
    assert.deepEqual(Buffer.from(await again.entry(index)), entryOf(index, 4_000))
  }
  assert.equal(acks.length, n)
})

test('published tiles have the C2SP layout, and come back when they are deleted or damaged', async (t) => {
  const dir = logDir(t)
  let log = await open(dir)
  await Promise.all(Array.from({ length: 1_100 }, (_, i) => log.append(entryOf(i, 3_000))))
  await log.close()
  const tile = readFileSync(join(dir, 'tile/0/001'))
  assert.equal(tile.length, 8_192)
  assert.deepEqual(tile.subarray(0, 32), Buffer.from(leafHash(entryOf(256, 3_000))))
  assert.equal(readFileSync(join(dir, 'tile/1/000.p/4')).length, 4 * 32)
  const checkpoint = readFileSync(join(dir, 'checkpoint'), 'utf8')

  rmSync(join(dir, 'tile'), { recursive: true })
  log = await open(dir)
  await log.close()
  assert.deepEqual(readFileSync(join(dir, 'tile/0/001')), tile)

  writeFileSync(join(dir, 'tile/0/001'), Buffer.alloc(8_192, 1))
  log = await open(dir)
  assert.equal(log.checkpoint(), checkpoint)
  await log.close()
})

test('two processes, or one twice, cannot open one log', async (t) => {
  const dir = logDir(t)
  const log = await open(dir)
  await assert.rejects(open(dir), { code: 'ledger_in_use', kind: 'unavailable' })
  await log.close()
  await (await open(dir)).close()
})

test('another origin, another key, another log: refused, nothing changed', async (t) => {
  const dir = logDir(t)
  const log = await open(dir)
  await log.append(entryOf(0))
  await log.close()
  const segment = join(dir, 'segments/00000000.seg')
  const before = readFileSync(segment)
  await assert.rejects(openLedger({ dir, origin: 'other.example', signer: keys.privateKey }), {
    code: 'ledger_other_origin',
  })
  const other = generateKeyPairSync('ed25519').privateKey
  await assert.rejects(openLedger({ dir, origin: ORIGIN, signer: other }), { code: 'ledger_other_key' })
  writeFileSync(join(dir, 'segments/notes.txt'), 'hello')
  await assert.rejects(open(dir), { code: 'ledger_foreign_file' })
  assert.deepEqual(readFileSync(segment), before)
})

test('a published checkpoint of another key, or of more entries than there are, is refused', async (t) => {
  const dir = logDir(t)
  const log = await open(dir)
  await log.append(entryOf(0))
  const short = readFileSync(join(dir, 'segments/00000000.seg'))
  await log.append(entryOf(1))
  await log.close()
  const full = readFileSync(join(dir, 'segments/00000000.seg'))
  writeFileSync(join(dir, 'segments/00000000.seg'), short)
  await assert.rejects(open(dir), { code: 'ledger_truncated' })
  rmSync(join(dir, 'segments'), { recursive: true })
  await assert.rejects(open(dir), { code: 'ledger_truncated' })
  assert.ok(full.length === short.length)
})

test('foreign bytes behind the last commit are refused, an unfinished write is dropped', async (t) => {
  const dir = logDir(t)
  const segment = join(dir, 'segments/00000000.seg')
  let log = await open(dir)
  await log.append(entryOf(0))
  const end = 160 + 120 + 3 + 24
  const first = readFileSync(segment).subarray(160, end)
  await log.close()
  const clean = readFileSync(segment)

  const foreign = Buffer.from(clean)
  foreign.write('#!/bin/sh', end)
  writeFileSync(segment, foreign)
  await assert.rejects(open(dir), { code: 'ledger_foreign_bytes' })

  const torn = Buffer.from(clean)
  first.copy(torn, end, 0, first.length - 5)
  writeFileSync(segment, torn)
  log = await open(dir)
  assert.ok(log.recovered.droppedBytes > 0)
  assert.equal(log.size(), 1)
  assert.equal((await log.append(entryOf(1))).index, 1)
  await log.close()
  log = await open(dir)
  assert.equal(log.size(), 2)
  await log.close()
})

test('close answers what waits and publishes', async (t) => {
  const dir = logDir(t)
  const log = await open(dir)
  const waiting = Promise.all([log.append(entryOf(0)), log.append(entryOf(1))])
  await log.close()
  assert.equal((await waiting).length, 2)
  assert.ok(existsSync(join(dir, 'checkpoint')))
})
