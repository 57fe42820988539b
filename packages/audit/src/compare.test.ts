import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openLedger } from '@credence/ledger'
import { compareLedgers } from './index.ts'

const ORIGIN = 'log.example/compared'
const keys = generateKeyPairSync('ed25519')

describe('two copies of a ledger', () => {
  let root = ''
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'credence-compare-'))
  })
  after(() => rmSync(root, { recursive: true, force: true }))
  let copies = 0

  /** Entries from `from` on are written by `text`; what was there before stays. */
  const grown = async (dir: string, to: number, text: (n: number) => string): Promise<string> => {
    const ledger = await openLedger({ dir, origin: ORIGIN, signer: keys.privateKey })
    while (ledger.size() < to) await ledger.append(Buffer.from(text(ledger.size())))
    const { verifierKey } = ledger
    await ledger.close()
    return verifierKey
  }
  const copyOf = (dir: string): string => {
    const copy = join(root, `copy-${copies++}`)
    cpSync(dir, copy, { recursive: true })
    return copy
  }
  const plain = (n: number): string => `entry ${n}`

  for (const [size, at] of [
    [1, 0],
    [5, 3],
    [256, 255],
    [257, 256],
    [700, 255],
    [700, 256],
    [700, 511],
    [700, 699],
  ] as const)
    test(`${size} entries that differ from ${at} on`, async () => {
      const one = join(root, `one-${size}-${at}`)
      const key = await grown(one, at, plain)
      const two = copyOf(one)
      await grown(one, size, plain)
      await grown(two, size + 3, (n) => (n === at ? 'another history' : plain(n)))
      const found = await compareLedgers([one, two], key)
      assert.equal(found.answer, 'different')
      assert.deepEqual(found.difference, { index: at, entries: [plain(at), 'another history'] })
      assert.ok(found.copies.every(({ sound }) => sound))
    })

  test('the same, and a beginning, at sizes around a portion', async () => {
    for (const size of [1, 255, 256, 257, 512, 600]) {
      const one = join(root, `same-${size}`)
      const key = await grown(one, size, plain)
      const two = copyOf(one)
      assert.equal((await compareLedgers([one, two], key)).answer, 'same')
      await grown(two, size + 300, plain)
      for (const pair of [[one, two] as const, [two, one] as const])
        assert.equal((await compareLedgers(pair, key)).answer, 'beginning')
    }
  })

  test('a copy that was tampered with is named, and compared as far as it is good', async () => {
    const one = join(root, 'tampered')
    const key = await grown(one, 40, plain)
    const two = copyOf(one)
    const file = join(two, 'segments', '00000000.seg')
    const bytes = readFileSync(file)
    bytes[bytes.indexOf('entry 20')] = 0x45
    writeFileSync(file, bytes)
    const found = await compareLedgers([one, two], key)
    assert.deepEqual([found.copies[0].sound, found.copies[1].sound], [true, false])
    assert.equal(found.answer, 'beginning')
    assert.equal(found.copies[1].size, 20)
  })

  test('another key is refused', async () => {
    const one = join(root, 'foreign')
    await grown(one, 2, plain)
    const other = generateKeyPairSync('ed25519').publicKey
    await assert.rejects(compareLedgers([one, one], other))
  })
})
