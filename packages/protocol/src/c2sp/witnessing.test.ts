import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { leafHash, nodeHash } from '../rfc9162/index.ts'
import { refusedWith } from '../testing/refused.ts'
import {
  cosign,
  createNoteVerifier,
  createWitnessVerifier,
  formatAddCheckpoint,
  formatCosignatures,
  formatNote,
  formatTlogProof,
  formatVerifierKey,
  parseAddCheckpoint,
  parseCosignatures,
  parseNote,
  parseTlogPolicy,
  parseTlogProof,
  parseVerifierKey,
  parseWitnessKey,
  signCheckpoint,
  verifyCheckpoint,
  verifyTlogProof,
} from './index.ts'

const keys = generateKeyPairSync('ed25519')
const log = createNoteVerifier('log.example/a', keys.publicKey)
const checkpointOf = (size: number, root: Uint8Array): string =>
  signCheckpoint({ origin: log.name, size, root, extensions: [] }, keys.privateKey)

describe('cosignatures', () => {
  const own = generateKeyPairSync('ed25519')
  const witness = createWitnessVerifier('witness.example/w', own.publicKey)
  const signed = checkpointOf(7, Buffer.alloc(32, 1))
  const { text, signatures } = parseNote(signed)
  const cosigner = { name: witness.name, privateKey: own.privateKey }
  const withSignature = (signature: Uint8Array): string =>
    formatNote({ text, signatures: [...signatures, { name: witness.name, keyId: witness.keyId, signature }] })

  test('the time is signed: another time, a cut or a longer signature is not good', () => {
    const { signature } = cosign(text, cosigner, 1_700_000_000)
    assert.equal(verifyCheckpoint(withSignature(signature), log, [witness]).witnessed[0]?.time, 1_700_000_000)
    const later = Buffer.from(signature)
    later.writeBigUInt64BE(1_700_000_001n)
    for (const bad of [later, signature.subarray(0, 71), Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(72)])
      refusedWith('note_signature_invalid', () => verifyCheckpoint(withSignature(bad), log, [witness]))
  })

  test('a plain signature by the key of a witness is no cosignature, and a cosignature is no signature of a log', () => {
    const asLog = createNoteVerifier(witness.name, own.publicKey)
    assert.notEqual(asLog.keyId, witness.keyId)
    const { signature } = cosign(text, cosigner, 1)
    refusedWith('note_signature_invalid', () =>
      verifyCheckpoint(
        formatNote({ text, signatures: [...signatures, { name: asLog.name, keyId: asLog.keyId, signature }] }),
        log,
        [asLog],
      ),
    )
    refusedWith('note_malformed', () => parseVerifierKey(formatVerifierKey(witness)))
    refusedWith('note_malformed', () => parseWitnessKey(formatVerifierKey(asLog)))
    assert.equal(formatVerifierKey(parseWitnessKey(formatVerifierKey(witness))), formatVerifierKey(witness))
  })

  test('there is no cosignature without a time', () => {
    for (const time of [0, -1, 1.5, Number.NaN]) refusedWith('cosignature_time', () => cosign(text, cosigner, time))
  })
})

describe('add-checkpoint', () => {
  const checkpoint = checkpointOf(9, Buffer.alloc(32, 2))
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })

  test('comes back as it went', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(hash, { maxLength: 63 }), (oldSize, proof) => {
        const read = parseAddCheckpoint(formatAddCheckpoint({ oldSize, proof, checkpoint }))
        assert.equal(read.oldSize, oldSize)
        assert.equal(read.checkpoint, checkpoint)
        assert.deepEqual(
          read.proof.map((one) => Buffer.from(one).toString('hex')),
          proof.map((one) => Buffer.from(one).toString('hex')),
        )
      }),
    )
  })

  const root = Buffer.alloc(32).toString('base64')
  for (const [name, body] of [
    ['nothing', ''],
    ['no border', `old 1\n${root}\n`],
    ['another first line', `new 1\n\n${checkpoint}`],
    ['a size with a zero in front', `old 01\n\n${checkpoint}`],
    ['a negative size', `old -1\n\n${checkpoint}`],
    ['a size beyond all', `old 99999999999999999999\n\n${checkpoint}`],
    ['a hash that is none', `old 1\nAAAA\n\n${checkpoint}`],
    ['64 hashes', `old 1\n${`${root}\n`.repeat(64)}\n${checkpoint}`],
    ['a carriage return', `old 1\r\n${root}\n\n${checkpoint}`],
  ])
    test(`refused: ${name}`, () => {
      refusedWith('add_checkpoint_malformed', () => parseAddCheckpoint(String(body)))
    })

  test('signature lines come back as they went; rubbish does not', () => {
    const own = generateKeyPairSync('ed25519')
    const one = cosign(parseNote(checkpoint).text, { name: 'w.example', privateKey: own.privateKey }, 5)
    assert.deepEqual(parseCosignatures(formatCosignatures([one, one])), [one, one])
    for (const bad of ['', 'x\n', formatCosignatures([one]).slice(0, -1)])
      assert.throws(() => parseCosignatures(bad), { kind: 'refused' })
  })
})

describe('tlog-proof', () => {
  const entries = ['a', 'b'].map((text) => Buffer.from(text))
  const [first = new Uint8Array(), second = new Uint8Array()] = entries.map(leafHash)
  const checkpoint = checkpointOf(2, nodeHash(first, second))
  const text = formatTlogProof({ index: 1, proof: [first], checkpoint, extra: Buffer.from('about it') })

  test('shows that the entry is there, and no other', () => {
    const proof = parseTlogProof(text)
    assert.equal(Buffer.from(proof.extra ?? []).toString(), 'about it')
    assert.equal(verifyTlogProof(proof, entries[1] ?? Buffer.alloc(0), log).size, 2)
    refusedWith('not_included', () => verifyTlogProof(proof, entries[0] ?? Buffer.alloc(0), log))
    refusedWith('not_included', () => verifyTlogProof({ ...proof, index: 0 }, entries[1] ?? Buffer.alloc(0), log))
    refusedWith('not_included', () => verifyTlogProof({ ...proof, proof: [] }, entries[1] ?? Buffer.alloc(0), log))
  })

  test('one changed character is noticed, outside the extra line, which nobody signed', () => {
    const from = text.indexOf('index')
    fc.assert(
      fc.property(
        fc.integer({ min: from, max: text.length - 1 }),
        fc.constantFrom('A', '7', '\n', ' '),
        (at, other) => {
          const bent = text.slice(0, at) + other + text.slice(at + 1)
          if (bent === text) return
          assert.throws(() => verifyTlogProof(parseTlogProof(bent), entries[1] ?? Buffer.alloc(0), log), {
            kind: 'refused',
          })
        },
      ),
    )
  })

  for (const bad of [
    text.replace('@v1', '@v2'),
    text.replace('index 1', 'index 01'),
    text.replace('index 1', 'index -1'),
    text.replace('index 1\n', ''),
    text.replace('extra ', 'extra !'),
    text.split('\n\n')[0] ?? '',
  ])
    test(`refused: ${JSON.stringify(bad.slice(0, 60))}`, () => {
      assert.throws(() => parseTlogProof(bad), { kind: 'refused', code: 'tlog_proof_malformed' })
    })
})

describe('tlog-policy', () => {
  const key = (name: string): string =>
    formatVerifierKey(createWitnessVerifier(name, generateKeyPairSync('ed25519').publicKey))
  const [x1, x2, x3, y1, y2] = ['x1', 'x2', 'x3', 'y1', 'y2'].map(key)
  const file = `# two of X and one of Y
log ${formatVerifierKey(log)} https://log.example/a
witness X1 ${x1} https://x1.example/
witness X2 ${x2}
\twitness X3 ${x3}
group X 2 X1 X2 X3
witness Y1 ${y1}
witness Y2 ${y2}
group Y any Y1 Y2
group both all X Y
quorum both
`

  test('groups of groups', () => {
    const policy = parseTlogPolicy(file)
    assert.equal(policy.logs[0]?.verifier.name, log.name)
    assert.deepEqual(
      policy.witnesses.map(({ name, url }) => [name, url]),
      [
        ['X1', 'https://x1.example/'],
        ['X2', undefined],
        ['X3', undefined],
        ['Y1', undefined],
        ['Y2', undefined],
      ],
    )
    for (const [names, enough] of [
      [['X1', 'X3', 'Y2'], true],
      [['X1', 'X2', 'X3'], false],
      [['X1', 'Y1', 'Y2'], false],
      [[], false],
      [['both'], false],
    ] as const)
      assert.equal(policy.enough(new Set(names)), enough, names.join())
    assert.equal(parseTlogPolicy('quorum none').enough(new Set()), true)
  })

  for (const [name, text] of [
    ['no quorum', 'log x'],
    ['no quorum at all', ''],
    ['two quorums', 'quorum none\nquorum none'],
    ['an unknown word', 'constructor a\nquorum none'],
    ['another unknown word', '__proto__\nquorum none'],
    ['a group of what comes later', `group g any a\nwitness a ${x1}\nquorum g`],
    ['the same key twice', `witness a ${x1}\nwitness b ${x1}\nquorum none`],
    ['a name twice', `witness a ${x1}\nwitness a ${x2}\nquorum none`],
    ['a member of two groups', `witness a ${x1}\nwitness b ${x2}\ngroup g any a\ngroup h all a b\nquorum h`],
    ['a member twice', `witness a ${x1}\ngroup g 2 a a\nquorum g`],
    ['more than there are', `witness a ${x1}\ngroup g 2 a\nquorum g`],
    ['none of them', `witness a ${x1}\ngroup g 0 a\nquorum g`],
    ['an empty group', 'group g any\nquorum g'],
    ['a reserved name', `witness none ${x1}\nquorum none`],
    ['the key of a log as a witness', `witness a ${formatVerifierKey(log)}\nquorum a`],
    ['the key of a witness as a log', `log ${x1}\nquorum none`],
    ['a carriage return', 'quorum none\r'],
  ])
    test(`refused: ${name}`, () => {
      refusedWith('tlog_policy_invalid', () => parseTlogPolicy(String(text)))
    })
})
