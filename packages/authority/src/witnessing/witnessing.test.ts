import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { NewAlert } from '@credence/audit'
import type { SafeFetch } from '@credence/kit/fetch'
import { silentLogger } from '@credence/kit/telemetry'
import { type EmbeddedLedger, nodeFiles, openLedger } from '@credence/ledger'
import { createWitness, openFolderWitnessStore, type Witness, type WitnessAnswer } from '@credence/ledger/witness'
import { createNoteVerifier, createWitnessVerifier, formatVerifierKey, parseTlogPolicy } from '@credence/protocol/c2sp'
import { keepWitnessed, keptWitnessed, startWitnessing, type Witnessing } from './index.ts'

const ORIGIN = 'log.example/domain'
const keys = generateKeyPairSync('ed25519')
const log = createNoteVerifier(ORIGIN, keys.publicKey)
let root = ''
let folders = 0
before(() => {
  root = mkdtempSync(join(tmpdir(), 'credence-witnessing-'))
})
after(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => join(root, String(folders++))
const openLog = (dir: string): Promise<EmbeddedLedger> =>
  openLedger({ dir, origin: ORIGIN, signer: keys.privateKey, publishMs: 60_000 })
const grow = async (ledger: EmbeddedLedger, to: number, text = 'entry'): Promise<void> => {
  while (ledger.size() < to) await ledger.append(Buffer.from(`${text} ${ledger.size()}`))
}

/** Witnesses behind a fetch that can be made to fail or to lie. */
const stage = async (names: readonly string[], quorum = 'any') => {
  const clock = { at: 1_700_000_000_000, now: (): number => clock.at }
  const witnesses = new Map<string, Witness>()
  const lines: string[] = []
  const closers: (() => void)[] = []
  for (const name of names) {
    const own = generateKeyPairSync('ed25519')
    const store = await openFolderWitnessStore(folder(), nodeFiles())
    closers.push(() => store.close())
    witnesses.set(
      name,
      createWitness({ cosigner: { name: `${name}.example/w`, privateKey: own.privateKey }, logs: [log], store, clock }),
    )
    const verifier = createWitnessVerifier(`${name}.example/w`, own.publicKey)
    lines.push(`witness ${name} ${formatVerifierKey(verifier)} https://${name}.example/`)
  }
  const policy = parseTlogPolicy(`${lines.join('\n')}\ngroup g ${quorum} ${names.join(' ')}\nquorum g`)
  const asked: string[] = []
  const answers = new Map<string, () => WitnessAnswer>()
  const down = new Set<string>()
  const fetch: SafeFetch = async (url, request) => {
    const name = new URL(url).host.split('.')[0] ?? ''
    asked.push(name)
    if (down.has(name)) throw new Error('ECONNREFUSED')
    const lie = answers.get(name)
    const { status, type, body } = lie
      ? lie()
      : await (witnesses.get(name) as Witness).addCheckpoint(String(request?.body))
    return { status, headers: { 'content-type': type }, bytes: Buffer.from(body), url }
  }
  const alerts: NewAlert[] = []
  const start = (ledger: EmbeddedLedger, dir: string): Witnessing =>
    startWitnessing({
      policy,
      fetch,
      ledger,
      clock,
      log: silentLogger,
      alert: (alert) => alerts.push(alert),
      kept: () => keptWitnessed(dir),
      keep: (checkpoint) => keepWitnessed(dir, checkpoint),
      everyMs: 3_600_000,
    })
  const close = (): void => {
    for (const one of closers) one()
  }
  return { clock, start, asked, answers, down, alerts, close }
}

const facts = (alerts: readonly NewAlert[]) =>
  alerts.map(({ facts: { kind, witness, size } = {} }) => [kind, witness, size])

test('what was witnessed is kept, known after a restart, and shown by proofs although nobody answers', async () => {
  const world = await stage(['a', 'b'], 'all')
  const dir = folder()
  const ledger = await openLog(dir)
  await grow(ledger, 5)
  const first = world.start(ledger, dir)
  await first.round()
  assert.deepEqual([first.newest()?.size, first.newest()?.by], [5, ['a', 'b']])
  await first.close()
  for (const name of ['a', 'b']) world.down.add(name)
  const second = world.start(ledger, dir)
  await second.round()
  assert.deepEqual([second.newest()?.size, second.newest()?.by], [5, ['a', 'b']])
  assert.deepEqual(world.alerts, [])
  await second.close()
  await ledger.close()
  world.close()
})

test('one that was away is asked again although nothing grew, and the cosignatures of both count together', async () => {
  const world = await stage(['a', 'b'], 'all')
  const dir = folder()
  const ledger = await openLog(dir)
  await grow(ledger, 3)
  world.down.add('b')
  const witnessing = world.start(ledger, dir)
  await witnessing.round()
  assert.equal(witnessing.newest(), undefined)
  world.down.clear()
  for (let turn = 0; turn < 4; turn += 1) await witnessing.round()
  assert.equal(witnessing.newest()?.size, 3)
  assert.equal(world.asked.filter((name) => name === 'a').length, 1)
  assert.equal((readFileSync(join(dir, 'witnessed'), 'utf8').match(/\u2014/g) ?? []).length, 3)
  await witnessing.close()
  await ledger.close()
  world.close()
})

test('one that never answers is asked ever less often', async () => {
  const world = await stage(['a', 'b'])
  const dir = folder()
  const ledger = await openLog(dir)
  world.down.add('b')
  const witnessing = world.start(ledger, dir)
  for (let turn = 0; turn < 64; turn += 1) {
    await grow(ledger, turn + 1)
    await witnessing.round()
  }
  assert.equal(world.asked.filter((name) => name === 'a').length, 64)
  const tries = world.asked.filter((name) => name === 'b').length
  assert.ok(tries >= 5 && tries <= 12, `${tries} tries`)
  await witnessing.close()
  await ledger.close()
  world.close()
})

test('a ledger that was rolled back is found by what was kept here alone, and the proof is not overwritten', async () => {
  const world = await stage(['a', 'b'])
  const dir = folder()
  const early = folder()
  let ledger = await openLog(dir)
  await grow(ledger, 2)
  await ledger.close()
  cpSync(dir, early, { recursive: true })
  ledger = await openLog(dir)
  await grow(ledger, 9)
  const before = world.start(ledger, dir)
  await before.round()
  await before.close()
  await ledger.close()
  const kept = readFileSync(join(dir, 'witnessed'), 'utf8')

  await keepWitnessed(early, kept)
  for (const name of ['a', 'b']) world.down.add(name)
  const back = await openLog(early)
  const after = world.start(back, early)
  await after.round()
  assert.deepEqual(facts(world.alerts), [['knows_more', 'the checkpoint kept here', 9]])
  // A witness that knows nothing of it yet would cosign the shorter ledger.
  world.down.clear()
  const fresh = await stage(['c'])
  world.answers.set('a', () => ({ status: 409, type: 'text/plain', body: '9\n' }))
  for (let turn = 0; turn < 5; turn += 1) await after.round()
  assert.equal(readFileSync(join(early, 'witnessed'), 'utf8'), kept)
  assert.equal(after.newest()?.size, 9)
  await after.close()

  await grow(back, 12, 'another history')
  world.alerts.length = 0
  world.answers.clear()
  for (const name of ['a', 'b']) world.down.add(name)
  const rewritten = world.start(back, early)
  await rewritten.round()
  assert.deepEqual(facts(world.alerts), [['rewritten', 'the checkpoint kept here', 12]])
  await rewritten.close()
  await back.close()
  fresh.close()
  world.close()
})

test('a witness that tells another tale every time is one alert of a kind in an hour', async () => {
  const world = await stage(['a', 'b'])
  const dir = folder()
  const ledger = await openLog(dir)
  await grow(ledger, 1)
  let turn = 0
  world.answers.set('b', () =>
    turn++ % 2 === 0
      ? { status: 409, type: 'text/x.tlog.size', body: '1000\n' }
      : { status: 422, type: 'text/plain', body: 'no\n' },
  )
  const witnessing = world.start(ledger, dir)
  for (let n = 0; n < 200; n += 1) {
    await grow(ledger, n + 2)
    await witnessing.round()
  }
  assert.deepEqual(
    facts(world.alerts)
      .map(([kind]) => kind)
      .sort(),
    ['knows_more', 'rewritten'],
  )
  world.clock.at += 3_600_001
  for (let n = 0; n < 64; n += 1) {
    await grow(ledger, ledger.size() + 1)
    await witnessing.round()
  }
  assert.equal(world.alerts.length, 4)
  await witnessing.close()
  await ledger.close()
  world.close()
})

test('a file that is no witnessed checkpoint of this ledger is not gone on from', async () => {
  const world = await stage(['a'])
  const dir = folder()
  const ledger = await openLog(dir)
  await grow(ledger, 2)
  await keepWitnessed(dir, ledger.checkpoint())
  const witnessing = world.start(ledger, dir)
  world.down.add('a')
  await witnessing.round()
  assert.equal(witnessing.newest(), undefined)
  await witnessing.close()
  await ledger.close()
  world.close()
})
