/** What lies in a folder under the name `witnessed` may have been put there by anybody. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openLedger } from '@credence/ledger'
import { withCosignatures } from '@credence/ledger/witness'
import { cosign, createWitnessVerifier, formatVerifierKey, parseNote, parseTlogPolicy } from '@credence/protocol/c2sp'
import { createRecorder, verifyAudit, WITNESSED_FILE } from './index.ts'
import { DOMAIN, handClock, newIntent, newOutcome, random } from './testing/fixtures.ts'

const NOW = 1_700_000_000_000

describe('the witnessed checkpoint of a folder', () => {
  let dir = ''
  let key = ''
  let checkpoint = ''
  const own = generateKeyPairSync('ed25519')
  const verifier = createWitnessVerifier('w.example/w', own.publicKey)
  const policy = parseTlogPolicy(`witness w ${formatVerifierKey(verifier)}\nquorum w`)
  const witnesses = { policy, now: NOW }
  const file = (): string => join(dir, WITNESSED_FILE)

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'credence-witnessed-'))
    const signer = generateKeyPairSync('ed25519').privateKey
    const ledger = await openLedger({ dir, origin: 'log.example/x', signer })
    const deps = { clock: handClock(), random, domain: DOMAIN, emitter: 'a', sweepMs: 0 }
    const recorder = await createRecorder({ ledger, ...deps })
    const intent = newIntent({})
    const { id } = await recorder.intent(intent)
    recorder.outcome(newOutcome(id, intent.operation))
    await recorder.close()
    key = ledger.verifierKey
    checkpoint = ledger.checkpoint()
    await ledger.close()
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  test('a good one', async () => {
    const cosigned = cosign(parseNote(checkpoint).text, { name: 'w.example/w', privateKey: own.privateKey }, NOW / 1000)
    writeFileSync(file(), withCosignatures(checkpoint, [cosigned]))
    const verdict = await verifyAudit(dir, key, { witnesses })
    assert.ok(verdict.sound && verdict.witnessed !== 'unwitnessed' && verdict.witnessed.enough)
  })

  test('one that nobody cosigned is unwitnessed; one that is none is a finding, and the records are judged all the same', async () => {
    writeFileSync(file(), checkpoint)
    const plain = await verifyAudit(dir, key, { witnesses })
    assert.deepEqual([plain.sound, plain.witnessed], [true, 'unwitnessed'])
    for (const rubbish of ['', 'hello', checkpoint.replace(/\n\d+\n/, '\n1\n'), 'x'.repeat(2_000_000)]) {
      writeFileSync(file(), rubbish)
      const verdict = await verifyAudit(dir, key, { witnesses })
      assert.deepEqual(
        [verdict.sound, verdict.ledger.sound, verdict.records, verdict.findings.map(({ kind }) => kind)],
        [false, true, 2, ['witnessed_broken']],
      )
    }
  })

  test('a folder or a pipe under that name does not hold the verifier up', { timeout: 20_000 }, async () => {
    rmSync(file())
    mkdirSync(file())
    assert.equal((await verifyAudit(dir, key, { witnesses })).findings[0]?.kind, 'witnessed_broken')
    rmSync(file(), { recursive: true })
    execFileSync('mkfifo', [file()])
    assert.equal((await verifyAudit(dir, key, { witnesses })).findings[0]?.kind, 'witnessed_broken')
    rmSync(file())
  })

  test('a name that is not in the policy is refused, also where nothing was witnessed', async () => {
    await assert.rejects(verifyAudit(dir, key, { witnesses: { ...witnesses, own: ['x'] } }), {
      code: 'witness_unknown',
    })
  })
})

test('numbers of emitters that jump far do not fill the memory', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-gaps-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const { encodeRecord } = await import('./record.ts')
  const ledger = await openLedger({ dir, origin: 'log.example/g', signer: generateKeyPairSync('ed25519').privateKey })
  for (let n = 0; n < 40; n += 1) {
    const record = {
      v: 1,
      kind: 'epoch',
      id: `rec_${String(n).padStart(22, '0')}`,
      domain: DOMAIN,
      at: 1,
      emitter: `e${n}`,
      seq: 100_000,
      epoch: 0,
      reason: 'x',
    }
    await ledger.append(encodeRecord(record as never))
  }
  const { verifierKey } = ledger
  await ledger.close()
  const verdict = await verifyAudit(dir, verifierKey)
  assert.equal(verdict.findings.filter(({ kind }) => kind === 'sequence_gap').length, 40)
})
