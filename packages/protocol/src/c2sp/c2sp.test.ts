import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { refusedWith } from '../testing/refused.ts'
import {
  cosign,
  createNoteVerifier,
  createWitnessVerifier,
  formatNote,
  formatVerifierKey,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  signCheckpoint,
  signNote,
  verifyCheckpoint,
  verifyNote,
} from './index.ts'

const pair = generateKeyPairSync('ed25519')
const witnessPair = generateKeyPairSync('ed25519')
const log = createNoteVerifier('log.example/a', pair.publicKey)
const witness = createWitnessVerifier('witness.example/w', witnessPair.publicKey)

test('the example of the signed-note package: key and note', () => {
  const key = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  const note =
    'If you think cryptography is the answer to your problem,\n' +
    "then you don't know what your problem is.\n" +
    '\n' +
    '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
  assert.deepEqual([...verifyNote(note, [key]).signed.keys()], [key])
  refusedWith('note_signature_invalid', () => verifyNote(note.replace('think', 'thinks'), [key]))
  refusedWith('note_unsigned', () => verifyNote(note, [log]))
})

test('verifier keys come back as they went', () => {
  assert.deepEqual(formatVerifierKey(parseVerifierKey(formatVerifierKey(log))), formatVerifierKey(log))
  const text = formatVerifierKey(log)
  for (const bad of [
    '',
    text.replace('log', 'leg'),
    `${text}=`,
    text.toUpperCase(),
    text.slice(0, -4),
    text.replace('+', ' '),
  ]) {
    refusedWith('note_malformed', () => parseVerifierKey(bad))
  }
})

test('a checkpoint needs the signature of its log; witnesses are named beside it, each with its time', () => {
  const checkpoint = { origin: 'log.example/a', size: 7, root: Buffer.alloc(32, 1), extensions: ['x'] }
  const signed = signCheckpoint(checkpoint, pair.privateKey)
  assert.deepEqual(verifyCheckpoint(signed, log), { ...checkpoint, witnessed: [] })
  const { text, signatures } = parseNote(signed)
  const cosigned = cosign(text, { name: witness.name, privateKey: witnessPair.privateKey }, 1_679_315_147)
  const note = formatNote({ text, signatures: [...signatures, cosigned] })
  assert.deepEqual(verifyCheckpoint(note, log, [witness]).witnessed, [{ witness, time: 1_679_315_147 }])
  assert.deepEqual(verifyCheckpoint(note, log).witnessed, [])
  refusedWith('checkpoint_unsigned', () =>
    verifyCheckpoint(formatNote({ text, signatures: [cosigned] }), log, [witness]),
  )
  const foreign = signNote(text.replace('log.example/a', 'log.example/b'), {
    name: log.name,
    privateKey: pair.privateKey,
  })
  refusedWith('checkpoint_unsigned', () => verifyCheckpoint(foreign, log))
})

test('checkpoints are strict', () => {
  const root = Buffer.alloc(32).toString('base64')
  assert.equal(parseCheckpoint(`a\n0\n${root}\n`).size, 0)
  for (const bad of [
    '',
    'a\n1\n',
    `a\n01\n${root}\n`,
    `a\n-1\n${root}\n`,
    `a\n1e3\n${root}\n`,
    `a\n9007199254740993\n${root}\n`,
    `a\n1\n${root}`,
    `\n1\n${root}\n`,
    `a\n1\n${root}\n\nx\n`,
    `a\n1\nAAAA\n`,
    `a\n1\n${root.replace('=', '')}\n`,
  ]) {
    refusedWith('checkpoint_malformed', () => parseCheckpoint(bad))
  }
})

test('one changed byte of a checkpoint is noticed', () => {
  const signed = signCheckpoint(
    { origin: 'log.example/a', size: 7, root: Buffer.alloc(32, 1), extensions: [] },
    pair.privateKey,
  )
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.constantFrom('A', '0', '\n', ' ', '+', '='), (at, character) => {
      const bent = signed.slice(0, at) + character + signed.slice(at + 1)
      if (bent === signed) return
      assert.throws(() => verifyCheckpoint(bent, log), { kind: 'refused' })
    }),
  )
})
