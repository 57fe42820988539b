import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  cosign,
  createNoteVerifier,
  createWitnessVerifier,
  formatAddCheckpoint,
  formatVerifierKey,
  parseNote,
  parseTlogPolicy,
  signCheckpoint,
} from '@credence/protocol/c2sp'
import type { FileLayer, LogFile } from '../files/layer.ts'
import { nodeFiles } from '../files/node-files.ts'
import { openLedger } from '../open.ts'
import {
  type Asked,
  askWitnesses,
  createWitness,
  judgeWitnesses,
  type KnownSizes,
  openFolderWitnessStore,
  originHash,
  type Witness,
  type WitnessPeer,
  withCosignatures,
} from './index.ts'

const ORIGIN = 'log.example/domain'
const NOW = 1_700_000_000_000
const now = (): number => NOW
const clock = { now }
const noteOf = ({ checkpoint, cosignatures }: Asked): string => withCosignatures(checkpoint, cosignatures.values())
const logKeys = generateKeyPairSync('ed25519')
const log = createNoteVerifier(ORIGIN, logKeys.publicKey)
const utf8 = (text: string): Uint8Array => Buffer.from(text)

let root = ''
before(() => {
  root = mkdtempSync(join(tmpdir(), 'credence-witness-'))
})
after(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const folder = (): string => join(root, String(folders++))

const openWitness = async (name: string, dir: string, keys = generateKeyPairSync('ed25519')) => {
  const store = await openFolderWitnessStore(dir, nodeFiles())
  const cosigner = { name, privateKey: keys.privateKey }
  const verifier = createWitnessVerifier(name, keys.publicKey)
  return { witness: createWitness({ cosigner, logs: [log], store, clock }), verifier, keys, close: () => store.close() }
}

const openLog = (dir: string) => openLedger({ dir, origin: ORIGIN, signer: logKeys.privateKey, publishMs: 60_000 })

const signed = (size: number, hash: Uint8Array, by = logKeys, origin = ORIGIN): string =>
  signCheckpoint({ origin, size, root: hash, extensions: [] }, by.privateKey)

const emptyRoot = createHash('sha256').digest()

describe('a witness answers as tlog-witness says', () => {
  let witness: Witness
  let close: () => void
  before(async () => {
    const opened = await openWitness('witness.example/w', folder())
    witness = opened.witness
    close = opened.close
  })
  after(() => close())

  const ask = (oldSize: number, checkpoint: string, proof: readonly Uint8Array[] = []) =>
    witness.addCheckpoint(formatAddCheckpoint({ oldSize, proof, checkpoint }))
  const one = createHash('sha256').update('\0one').digest()

  test('400: rubbish, and an old size above the size', async () => {
    for (const body of ['', 'old 1', 'old 0\n\nx', `old 0\n\n${signed(1, one)}`.replace('\u2014', '-')])
      assert.equal((await witness.addCheckpoint(body)).status, 400, body)
    assert.equal((await ask(2, signed(1, one))).status, 400)
  })

  test('404: a log that it does not know; 403: no signature of the log, or a bad one', async () => {
    const other = generateKeyPairSync('ed25519')
    assert.equal((await ask(0, signed(1, one, other, 'other.example/log'))).status, 404)
    assert.equal((await ask(0, signed(1, one, other))).status, 403)
    assert.equal((await ask(0, signed(1, one).replace('\n1\n', '\n2\n'))).status, 403)
  })

  test('422: size zero with another root, a proof from nothing', async () => {
    assert.equal((await ask(0, signed(0, one))).status, 422)
    assert.equal((await ask(0, signed(1, one), [one])).status, 422)
    assert.equal(await witness.checkpoint(originHash(ORIGIN)), undefined)
  })

  test('200, 409 with the size, and the same again', async () => {
    assert.equal((await ask(0, signed(0, emptyRoot))).status, 200)
    assert.equal((await ask(0, signed(1, one))).status, 200)
    const stale = await ask(0, signed(1, one))
    assert.deepEqual([stale.status, stale.type, stale.body], [409, 'text/x.tlog.size', '1\n'])
    assert.equal((await ask(1, signed(1, one))).status, 200)
    assert.equal((await ask(1, signed(1, createHash('sha256').update('x').digest()))).status, 422)
    assert.match(
      (await witness.checkpoint(originHash(ORIGIN))) ?? '',
      /\n1\n[^\n]+\n\n\u2014 log.+\n\u2014 witness.+\n$/,
    )
    assert.equal(await witness.checkpoint(originHash('other.example')), undefined)
  })

  test('400 or 403: a signature line that stands there again and again is work for nobody', async () => {
    const checkpoint = signed(1, one)
    const [text = '', line = ''] = checkpoint.split('\n\n')
    const again = await ask(1, `${text}\n\n${line.repeat(50)}`)
    assert.equal(again.status, 403)
    assert.equal((await ask(1, checkpoint)).status, 200)
  })

  test('signatures of strangers are not kept', async () => {
    const stranger = signed(1, one, generateKeyPairSync('ed25519')).split('\n\n')[1] ?? ''
    assert.equal((await ask(1, signed(1, one) + stranger.replace(ORIGIN, 'stranger.example'))).status, 200)
    assert.doesNotMatch((await witness.checkpoint(originHash(ORIGIN))) ?? '', /stranger/)
  })
})

describe('a log and its witnesses', () => {
  const peerOf = (name: string, { verifier }: Awaited<ReturnType<typeof openWitness>>): WitnessPeer => ({
    name,
    verifier,
    url: `https://${name}.example/`,
  })
  const postTo =
    (witnesses: Readonly<Record<string, Witness>>) =>
    async (url: string, body: string): Promise<{ status: number; type: string; body: string }> => {
      const witness = witnesses[new URL(url).host.split('.')[0] ?? '']
      assert.ok(url.endsWith('/add-checkpoint'))
      if (witness === undefined) throw new Error('connect ECONNREFUSED')
      return witness.addCheckpoint(body)
    }

  test('everybody cosigns as the log grows, also after a restart of the log that forgot what they know', async () => {
    const dir = folder()
    const [one, two] = [await openWitness('one.example/w', folder()), await openWitness('two.example/w', folder())]
    const peers = [peerOf('one', one), peerOf('two', two)]
    const post = postTo({ one: one.witness, two: two.witness })
    const ledger = await openLog(dir)
    const known: KnownSizes = new Map()
    for (const size of [0, 1, 7, 300]) {
      while (ledger.size() < size) await ledger.append(utf8(`entry ${ledger.size()}`))
      const asked = await askWitnesses({ ledger, peers, post, now }, size === 7 ? new Map() : known)
      assert.deepEqual([asked.size, [...asked.cosignatures.keys()], asked.trouble], [size, ['one', 'two'], []])
    }
    const note = noteOf(await askWitnesses({ ledger, peers, post, now }, new Map([['one', 100_000]])))
    const policy = parseTlogPolicy(
      `witness a ${formatVerifierKey(one.verifier)}\nwitness b ${formatVerifierKey(two.verifier)}\ngroup g all a b\nquorum g`,
    )
    const verdict = judgeWitnesses(note, log, { policy, now: NOW })
    assert.deepEqual(verdict, {
      size: 300,
      enough: true,
      by: ['a', 'b'].map((name) => ({ name, time: NOW / 1000, independent: true })),
    })
    const withOwn = judgeWitnesses(note, log, { policy, own: ['b'], now: NOW })
    assert.deepEqual([withOwn.enough, withOwn.by[1]?.independent], [false, false])
    assert.throws(() => judgeWitnesses(note, log, { policy, own: ['c'], now: NOW }), { code: 'witness_unknown' })
    await ledger.close()
    one.close()
    two.close()
  })

  test('one that is silent or speaks rubbish is named, and the others count', async () => {
    const ledger = await openLog(folder())
    await ledger.append(utf8('a'))
    const good = await openWitness('good.example/w', folder())
    const liar = await openWitness('liar.example/w', folder())
    const asWitness = (answer: { status: 200 | 404; type: string; body: string }): Witness => ({
      addCheckpoint: async () => answer,
      checkpoint: async () => undefined,
    })
    const type = 'text/plain'
    const post = postTo({
      good: good.witness,
      rubbish: asWitness({ status: 200, type, body: 'hello\n' }),
      html: asWitness({ status: 404, type: 'text/html', body: '<h1>' }),
      // Cosigns with another key than the one that is known of it.
      liar: (await openWitness('liar.example/w', folder())).witness,
    })
    const peers = ['good', 'rubbish', 'html', 'gone', 'liar'].map((name) => ({
      ...peerOf(name, name === 'liar' ? liar : good),
      name,
    }))
    const asked = await askWitnesses({ ledger, peers, post, now })
    assert.deepEqual([...asked.cosignatures.keys()], ['good'])
    assert.deepEqual(
      asked.trouble.map(({ kind, witness }) => `${kind} ${witness}`),
      ['silent rubbish', 'silent html', 'silent gone', 'silent liar'],
    )
    await ledger.close()
    good.close()
    liar.close()
  })

  test('a log that was rolled back or rewritten with its own key is found out', async () => {
    const dir = folder()
    const early = folder()
    const witness = await openWitness('w.example/w', folder())
    const peers = [peerOf('w', witness)]
    const post = postTo({ w: witness.witness })
    let ledger = await openLog(dir)
    await ledger.append(utf8('first'))
    await ledger.close()
    cpSync(dir, early, { recursive: true })
    ledger = await openLog(dir)
    for (const text of ['second', 'third']) await ledger.append(utf8(text))
    assert.deepEqual((await askWitnesses({ ledger, peers, post, now })).trouble, [])
    await ledger.close()

    const back = await openLog(early)
    assert.deepEqual((await askWitnesses({ ledger: back, peers, post, now })).trouble, [
      { kind: 'knows_more', witness: 'w', size: 3 },
    ])
    for (const text of ['second', 'THIRD', 'fourth']) await back.append(utf8(text))
    const rewritten = await askWitnesses({ ledger: back, peers, post, now })
    assert.deepEqual(rewritten.trouble, [{ kind: 'rewritten', witness: 'w', size: 4 }])
    assert.equal(rewritten.cosignatures.size, 0)
    await back.close()
    witness.close()
  })

  test('a witness on the host of the log is not independent, whatever the policy counts', async () => {
    const ledger = await openLog(folder())
    await ledger.append(utf8('a'))
    const own = await openWitness('log.example/witness', folder())
    const note = noteOf(
      await askWitnesses({ ledger, peers: [peerOf('own', own)], post: postTo({ own: own.witness }), now }),
    )
    const policy = parseTlogPolicy(`witness w ${formatVerifierKey(own.verifier)}\nquorum w`)
    assert.deepEqual(judgeWitnesses(note, log, { policy, now: NOW }), {
      size: 1,
      enough: false,
      by: [{ name: 'w', time: NOW / 1000, independent: false }],
    })
    const none = parseTlogPolicy('quorum none')
    assert.deepEqual(judgeWitnesses(note, log, { policy: none, now: NOW }), { size: 1, enough: false, by: [] })
    await ledger.close()
    own.close()
  })
})

describe('what counts as witnessed', () => {
  const own = generateKeyPairSync('ed25519')
  const verifier = createWitnessVerifier('far.example/w', own.publicKey)
  const policy = parseTlogPolicy(`witness w ${formatVerifierKey(verifier)}\nquorum w`)
  const cosigned = (
    size: number,
    seconds: number,
    by = { name: verifier.name, privateKey: own.privateKey },
  ): string => {
    const note = signed(size, size === 0 ? emptyRoot : createHash('sha256').update('x').digest())
    return withCosignatures(note, [cosign(parseNote(note).text, by, seconds)])
  }

  test('not an empty log, not a time that has not come', () => {
    assert.equal(judgeWitnesses(cosigned(3, NOW / 1000), log, { policy, now: NOW }).enough, true)
    assert.equal(judgeWitnesses(cosigned(0, NOW / 1000), log, { policy, now: NOW }).enough, false)
    assert.deepEqual(judgeWitnesses(cosigned(3, NOW / 1000 + 301), log, { policy, now: NOW }).by, [])
    assert.throws(() => judgeWitnesses(cosigned(3, 253_402_300_800), log, { policy, now: NOW }), {
      code: 'note_signature_invalid',
    })
  })

  test('not the key of the log under another name', () => {
    const twin = createWitnessVerifier('twin.example/w', logKeys.publicKey)
    const twins = parseTlogPolicy(`witness w ${formatVerifierKey(twin)}\nquorum w`)
    const note = cosigned(3, NOW / 1000, { name: twin.name, privateKey: logKeys.privateKey })
    assert.deepEqual(judgeWitnesses(note, log, { policy: twins, now: NOW }), {
      size: 3,
      enough: false,
      by: [{ name: 'w', time: NOW / 1000, independent: false }],
    })
  })

  test('a policy for other logs says nothing of this one', () => {
    const key = formatVerifierKey(verifier)
    const other = formatVerifierKey(createNoteVerifier('other.example', own.publicKey))
    const same = formatVerifierKey(createNoteVerifier(ORIGIN, own.publicKey))
    for (const listed of [other, same])
      assert.throws(
        () =>
          judgeWitnesses(cosigned(3, 1), log, {
            policy: parseTlogPolicy(`log ${listed}\nwitness w ${key}\nquorum w`),
            now: NOW,
          }),
        { code: 'log_not_in_policy' },
      )
    const ours = parseTlogPolicy(`log ${formatVerifierKey(log)}\nwitness w ${key}\nquorum w`)
    assert.equal(judgeWitnesses(cosigned(3, 1), log, { policy: ours, now: NOW }).enough, true)
  })
})

describe('what a witness remembers', () => {
  test('a reader that is late does not bring the past back', async () => {
    const real = nodeFiles()
    let slow = false
    const files: FileLayer = {
      ...real,
      open: async (path, mode) => {
        const file = await real.open(path, mode)
        if (!slow || mode !== 'read') return file
        return {
          ...file,
          read: (into, position) => file.read(into, position),
          size: () => file.size(),
          close: async () => {
            await new Promise((resolve) => setTimeout(resolve, 60))
            await file.close()
          },
        } as LogFile
      },
    }
    const dir = folder()
    const ask = (
      witness: Witness,
      oldSize: number,
      size: number,
      hash: Uint8Array,
      proof: readonly Uint8Array[] = [],
    ) => witness.addCheckpoint(formatAddCheckpoint({ oldSize, proof, checkpoint: signed(size, hash) }))
    const leaf = (text: string): Uint8Array => createHash('sha256').update(`\0${text}`).digest()
    const node = (left: Uint8Array, right: Uint8Array): Uint8Array =>
      createHash('sha256').update('\u0001').update(left).update(right).digest()
    const [first, x, y] = ['first', 'x', 'y'].map(leaf) as [Uint8Array, Uint8Array, Uint8Array]
    const before = await openWitness('w.example/w', dir)
    assert.equal((await ask(before.witness, 0, 1, first)).status, 200)
    before.close()
    const store = await openFolderWitnessStore(dir, files)
    const cosigner = { name: 'w.example/w', privateKey: before.keys.privateKey }
    const witness = createWitness({ cosigner, logs: [log], store, clock })
    slow = true
    // Monitors ask all the time, so that one of them begins to read while the file is being replaced.
    const monitors: Promise<unknown>[] = []
    const pump = setInterval(() => void monitors.push(witness.checkpoint(originHash(ORIGIN))), 1)
    assert.equal((await ask(witness, 1, 2, node(first, x), [x])).status, 200)
    clearInterval(pump)
    await Promise.all(monitors)
    slow = false
    assert.equal((await ask(witness, 1, 2, node(first, y), [y])).status, 409)
    store.close()
  })

  test('of a hundred at once from the same size one is cosigned, and nothing is ever cosigned backwards', async () => {
    const { witness, close } = await openWitness('w.example/w', folder())
    const hash = (n: number): Uint8Array => createHash('sha256').update(String(n)).digest()
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: signed(n + 1, hash(n)) })),
      ),
    )
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    assert.equal(answers.filter(({ status }) => status === 409).length, 99)
    close()
  })

  test('outlives it; a second process is kept out; a file that cannot be read is not "nothing"', async () => {
    const dir = folder()
    const keys = generateKeyPairSync('ed25519')
    const first = await openWitness('w.example/w', dir, keys)
    const checkpoint = signed(5, createHash('sha256').update('five').digest())
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint })
    assert.equal((await first.witness.addCheckpoint(body)).status, 200)
    await assert.rejects(openWitness('w.example/w', dir, keys), { code: 'ledger_in_use' })
    first.close()
    const second = await openWitness('w.example/w', dir, keys)
    assert.deepEqual([(await second.witness.addCheckpoint(body)).body], ['5\n'])
    second.close()
    const [file = ''] = readdirSync(dir).filter((name) => name.endsWith('.checkpoint'))
    writeFileSync(join(dir, file), 'half a no')
    const third = await openWitness('w.example/w', dir, keys)
    await assert.rejects(third.witness.addCheckpoint(body))
    third.close()
  })
})
