/** The contract of `Ledger`, run by every store. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, test } from 'node:test'
import { parseVerifierKey, verifyCheckpoint } from '@credence/protocol/c2sp'
import { leafHash, nodeHash, verifyConsistency, verifyInclusion } from '@credence/protocol/rfc9162'
import { type Ledger, type LedgerSigner, type LedgerVerdict, type VerifyOptions, verifyLedger } from '../index.ts'
import { entryOf, keys, ORIGIN } from './log-dir.ts'

export interface LogUnderTest {
  /** Opens the log; after `close`, the same again. */
  open(options?: { readonly origin?: string; readonly signer?: KeyObject | LedgerSigner }): Promise<Ledger>
  /** The log as files, for an examination. */
  files(): Promise<string>
  close(): Promise<void>
}

/** RFC 9162 section 2.1.1, as it is written: the tree nobody could get wrong. */
export const naiveRoot = (leaves: readonly Uint8Array[]): Uint8Array => {
  if (leaves.length === 1) return leaves[0] ?? new Uint8Array()
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

/** `make` gives a new log each time. */
export const ledgerContract = (name: string, make: () => Promise<LogUnderTest>): void => {
  const withLog = (title: string, run: (log: LogUnderTest) => Promise<void>): void => {
    test(title, async () => {
      const log = await make()
      try {
        await run(log)
      } finally {
        await log.close()
      }
    })
  }
  describe(`ledger: ${name}`, () => {
    acknowledging(withLog)
    proving(withLog)
    opening(withLog)
    limits(withLog)
  })
}

type WithLog = (title: string, run: (log: LogUnderTest) => Promise<void>) => void

const verdictOf = async (log: LogUnderTest, options: VerifyOptions = {}): Promise<LedgerVerdict> =>
  verifyLedger(await log.files(), keys.publicKey, { origin: ORIGIN, ...options })

const acknowledging = (withLog: WithLog): void => {
  withLog('an acknowledgement proves itself: leaf, inclusion and signed checkpoint', async ({ open }) => {
    const log = await open()
    const verifier = parseVerifierKey(log.verifierKey)
    const acks = await Promise.all(Array.from({ length: 300 }, (_, i) => log.append(entryOf(i))))
    for (const [i, ack] of acks.entries()) {
      assert.equal(ack.index, i)
      const { size, root } = verifyCheckpoint(ack.checkpoint, verifier)
      assert.equal(size, ack.treeSize)
      assert.deepEqual(Buffer.from(ack.leafHash), Buffer.from(leafHash(entryOf(i))))
      assert.ok(verifyInclusion({ index: i, size, leaf: ack.leafHash, root, proof: await ack.proof() }))
    }
    await log.close()
  })

  withLog('what waits together is one batch, and its checkpoints are one', async ({ open }) => {
    const log = await open()
    const acks = await Promise.all(Array.from({ length: 200 }, (_, i) => log.append(entryOf(i))))
    assert.ok(new Set(acks.map(({ treeSize }) => treeSize)).size <= 4)
    const patient = await Promise.all([log.append(entryOf(200), { patient: true }), log.append(entryOf(201))])
    assert.equal(patient[0].treeSize, patient[1].treeSize)
    await log.close()
  })

  withLog('a checkpoint that was handed out is consistent with every later one', async ({ open }) => {
    const log = await open()
    const verifier = parseVerifierKey(log.verifierKey)
    const notes: string[] = []
    for (let i = 0; i < 40; i += 1) {
      const acks = await Promise.all(Array.from({ length: 1 + (i % 7) }, (_, k) => log.append(entryOf(i * 10 + k))))
      notes.push(...new Set(acks.map(({ checkpoint }) => checkpoint)), log.checkpoint())
    }
    const heads = notes.map((note) => verifyCheckpoint(note, verifier))
    for (const [i, older] of heads.entries()) {
      for (const newer of heads.slice(i)) {
        const [size1, size2] = [older.size, newer.size]
        const proof = await log.consistencyProof(size1, size2)
        assert.ok(verifyConsistency({ size1, size2, root1: older.root, root2: newer.root, proof }))
      }
    }
    await log.close()
  })
}

const proving = (withLog: WithLog): void => {
  withLog(
    'roots, inclusion and consistency agree with a naive tree for every pair of sizes up to 50',
    async ({ open }) => {
      const log = await open()
      const leaves = Array.from({ length: 50 }, (_, i) => leafHash(entryOf(i)))
      for (let i = 0; i < 50; i += 1) await log.append(entryOf(i))
      const roots = leaves.map((_, i) => naiveRoot(leaves.slice(0, i + 1)))
      for (let size = 1; size <= 50; size += 1) {
        const root = roots[size - 1] ?? new Uint8Array()
        for (let index = 0; index < size; index += 1) {
          const leaf = leaves[index] ?? new Uint8Array()
          assert.ok(verifyInclusion({ index, size, leaf, root, proof: await log.inclusionProof(index, size) }))
          const proof = await log.consistencyProof(index + 1, size)
          assert.ok(
            verifyConsistency({ size1: index + 1, size2: size, root1: roots[index] ?? root, root2: root, proof }),
          )
        }
      }
      await log.close()
    },
  )

  withLog('an entry bundle has the C2SP form and ends where the log ends', async ({ open }) => {
    const log = await open()
    await Promise.all(Array.from({ length: 300 }, (_, i) => log.append(entryOf(i, 100))))
    const full = Buffer.from(await log.entryBundle(0))
    assert.equal(full.length, 256 * 102)
    assert.equal(full.readUInt16BE(255 * 102), 100)
    assert.deepEqual(full.subarray(255 * 102 + 2), entryOf(255, 100))
    const partial = Buffer.from(await log.entryBundle(1, 44))
    assert.deepEqual(partial.subarray(2, 102), entryOf(256, 100))
    for (const [n, width] of [
      [1, 45],
      [2, 1],
      [0, 0],
      [0, 257],
      [-1, 1],
      [0.5, 1],
    ] as const)
      await assert.rejects(log.entryBundle(n, width))
    await log.close()
  })

  withLog('the whole log verifies, also against a checkpoint that was kept', async (under) => {
    const log = await under.open()
    let kept = ''
    for (let i = 0; i < 30; i += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, k) => log.append(entryOf(i * 10 + k))))
      if (i === 11) kept = log.checkpoint()
    }
    await log.close()
    const verdict = await verdictOf(under, { against: [kept] })
    assert.deepEqual([verdict.sound, verdict.size], [true, 300], JSON.stringify(verdict))
  })
}

const opening = (withLog: WithLog): void => {
  withLog('a log over many tiles opens again with the same root, and proves across the border', async ({ open }) => {
    const log = await open()
    const n = 1_300
    await Promise.all(Array.from({ length: n }, (_, i) => log.append(entryOf(i))))
    const before = log.checkpoint()
    await log.close()
    const again = await open()
    assert.equal(again.size(), n)
    assert.equal(again.checkpoint(), before)
    await again.append(entryOf(n))
    const { root } = verifyCheckpoint(before, parseVerifierKey(log.verifierKey))
    for (const index of [0, 255, 256, 1_023, 1_024, n - 1]) {
      const leaf = leafHash(entryOf(index))
      assert.ok(verifyInclusion({ index, size: n, leaf, root, proof: await again.inclusionProof(index, n) }))
      assert.deepEqual(Buffer.from(await again.entry(index)), entryOf(index))
    }
    const read: number[] = []
    for await (const { index } of again.entries(250, 262)) read.push(index)
    assert.deepEqual(read, [250, 251, 252, 253, 254, 255, 256, 257, 258, 259, 260, 261])
    await again.close()
  })

  withLog('another origin and another key are refused, and the log is as it was', async ({ open }) => {
    const log = await open()
    await log.append(entryOf(0))
    const before = log.checkpoint()
    await log.close()
    await assert.rejects(open({ origin: 'other.example' }), { code: 'ledger_other_origin' })
    await assert.rejects(open({ signer: generateKeyPairSync('ed25519').privateKey }), { code: 'ledger_other_key' })
    const again = await open()
    assert.equal(again.checkpoint(), before)
    await again.close()
  })
}

const limits = (withLog: WithLog): void => {
  withLog('an entry of 65,535 bytes is taken, one more is refused, the empty entry is an entry', async ({ open }) => {
    const log = await open()
    await log.append(Buffer.alloc(65_535, 1))
    await assert.rejects(log.append(Buffer.alloc(65_536)), { code: 'ledger_entry_too_large', kind: 'refused' })
    await log.append(Buffer.alloc(0))
    assert.equal(log.size(), 2)
    assert.equal((await log.entry(1)).length, 0)
    assert.equal((await log.entry(0)).length, 65_535)
    await assert.rejects(log.entry(2), { code: 'ledger_out_of_range' })
    await assert.rejects(log.inclusionProof(2, 2), { code: 'ledger_out_of_range' })
    await assert.rejects(log.inclusionProof(0, 3), { code: 'ledger_out_of_range' })
    await log.close()
    await assert.rejects(log.append(Buffer.alloc(1)), { code: 'ledger_closed' })
  })

  withLog('a signer that fails refuses the appends of that moment and leaves the log usable', async (under) => {
    let broken = false
    const signer = {
      publicKey: createPublicKey(keys.privateKey),
      sign: async (message: Uint8Array) => {
        if (broken) throw new Error('no answer from the KMS')
        return sign(null, message, keys.privateKey)
      },
    }
    const log = await under.open({ signer })
    await log.append(entryOf(0))
    broken = true
    await assert.rejects(log.append(entryOf(1)), { code: 'ledger_unavailable', kind: 'unavailable' })
    broken = false
    assert.equal((await log.append(entryOf(2))).index, 1)
    await log.close()
    assert.equal((await verdictOf(under)).sound, true)
  })

  withLog('close answers what waits', async (under) => {
    const log = await under.open()
    const waiting = Promise.all([log.append(entryOf(0)), log.append(entryOf(1))])
    await log.close()
    assert.equal((await waiting).length, 2)
    assert.equal((await verdictOf(under)).size, 2)
  })
}
