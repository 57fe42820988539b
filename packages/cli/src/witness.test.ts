/** Two witnesses in processes of their own cosign the ledger of a domain; what they know outlives a rolled back disk. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { nodeFetch } from '@credence/kit/node'
import { freePorts, killed, openTestDomain, type Running, type TestDomain } from './testing/index.ts'

interface Verdict {
  readonly sound: boolean
  readonly records: number
  readonly witnessed:
    | 'unwitnessed'
    | { readonly size: number; readonly enough: boolean; readonly by: readonly { readonly name: string }[] }
}

interface Status {
  readonly ledger: { readonly size: number }
  readonly witnessed?: { readonly size: number; readonly by: readonly string[] }
}

const WAIT_MS = 30_000

describe('a domain and its witnesses', { timeout: 180_000 }, () => {
  let domain: TestDomain
  let ports: readonly number[] = []
  const witnesses: Running[] = []
  let policy = ''
  const vkey = (): string => join(domain.dataDir, 'ledger.vkey')

  const startWitness = (at: number): Promise<Running> =>
    domain.stage.start(
      ...['witness', '--name', `w${at}.example/witness`, '--log', vkey(), '--port', String(ports[at])],
      ...['--dir', join(domain.stage.dir, `witness-${at}`)],
    )

  /** The ledger as it is now, and not only a part of it, is cosigned by both. */
  const witnessed = async (): Promise<Status> => {
    for (const until = Date.now() + WAIT_MS; ; ) {
      const status = await domain.command<Status>('status')
      const { size = 0, by = [] } = status.witnessed ?? {}
      if (size >= status.ledger.size - 4 && size > 0 && by.length === 2) return status
      if (Date.now() > until) throw new Error(`not witnessed in time: ${JSON.stringify(status)}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }

  before(async () => {
    domain = await openTestDomain({ servers: false })
    ports = await freePorts(2)
    for (const at of [0, 1]) witnesses.push(await startWitness(at))
    policy = join(domain.stage.dir, 'witnesses.txt')
    const lines = witnesses.map(
      ({ ready }, at) => `witness w${at} ${String(ready.verifierKey)} http://127.0.0.1:${ports[at]}/`,
    )
    writeFileSync(policy, `${lines.join('\n')}\ngroup both all w0 w1\nquorum both\n`)
    const config = JSON.parse(readFileSync(domain.config, 'utf8')) as object
    const allowPrivate = ports.map((port) => `127.0.0.1:${port}`)
    await killed(domain.up)
    writeFileSync(domain.config, JSON.stringify({ ...config, witnesses: policy, allowPrivate }))
    await domain.restart()
  })
  after(() => domain.close())

  test('without a policy `verify` says unwitnessed; with one it says who stands behind how much', async () => {
    await domain.command('agent', 'add', 'reader')
    await witnessed()
    assert.equal((await domain.command<Verdict>('audit', 'verify')).witnessed, 'unwitnessed')
    const verdict = await domain.command<Verdict>('audit', 'verify', '--witnesses', policy)
    assert.ok(verdict.sound && verdict.witnessed !== 'unwitnessed' && verdict.witnessed.enough)
    assert.deepEqual(
      verdict.witnessed.by.map(({ name }) => name),
      ['w0', 'w1'],
    )
    const covering = (...more: readonly string[]) => domain.command('audit', 'verify', '--witnesses', policy, ...more)
    await covering('--covers', '2')
    await assert.rejects(covering('--covers', '100000'), /must be covered/)
    await assert.rejects(covering('--covers', 'most'), /a number of records, or all/)
    await assert.rejects(domain.command('audit', 'verify', '--witnesses', policy, '--own', 'w1'), /Too few independent/)
    await assert.rejects(domain.command('audit', 'verify', '--witnesses', policy, '--own', 'w7'), /no witness w7/)
  })

  test('one record goes to somebody else as a file, against the witnessed checkpoint', async () => {
    const { records } = await domain.command<{ records: readonly { index: number; record: { id: string } }[] }>(
      ...['audit', 'tail', '--n', '1000', '--kind', 'intent'],
    )
    const [first] = records
    const file = join(domain.stage.dir, 'one.tlog-proof')
    await domain.command('audit', 'proof', first?.record.id ?? '', '--out', file)
    const verdict = await domain.command<{
      index: number
      record: { id: string }
      witnessed: { enough: boolean }
    }>('audit', 'verify', file, '--key', vkey(), '--witnesses', policy)
    assert.deepEqual([verdict.index, verdict.record.id], [first?.index, first?.record.id])
    assert.ok(verdict.witnessed.enough)
    const text = readFileSync(file, 'utf8')
    const bent = join(domain.stage.dir, 'bent.tlog-proof')
    const line = /^extra (.*)$/m.exec(text)?.[1] ?? ''
    const entry = Buffer.from(line, 'base64')
      .toString('utf8')
      .replace(/"at":\d+/, '"at":1')
    writeFileSync(bent, text.replace(line, Buffer.from(entry).toString('base64')))
    await assert.rejects(domain.command('audit', 'verify', bent, '--key', vkey()), /does not lead from this entry/)
    writeFileSync(bent, text.replace(/^extra .*\n/m, ''))
    await assert.rejects(domain.command('audit', 'verify', bent, '--key', vkey()), /does not hold the record/)
    await assert.rejects(domain.command('audit', 'proof', 'rec_nothing'), /no record rec_nothing/)
  })

  test('a witness tells monitors what it cosigned, and nothing of a log that it does not know', async () => {
    const [origin = ''] = readFileSync(vkey(), 'utf8').split('+')
    const at = (log: string): Promise<Response> =>
      nodeFetch(`http://127.0.0.1:${ports[0]}/${createHash('sha256').update(log).digest('hex')}/checkpoint`)
    assert.match(await (await at(origin)).text(), /\u2014 w0\.example\/witness /)
    assert.equal((await at('other.example')).status, 404)
  })

  test('one that is away is missed, and comes back with what it knew', async () => {
    await killed(witnesses[1] as Running)
    await domain.command('agent', 'add', 'while-away')
    witnesses[1] = await startWitness(1)
    await witnessed()
  })

  test('a data directory that was rolled back is an alert in log and ledger', async () => {
    await killed(domain.up)
    const early = join(domain.stage.dir, 'early')
    cpSync(domain.dataDir, early, { recursive: true })
    await domain.restart()
    await domain.command('agent', 'add', 'will-be-forgotten')
    await witnessed()
    await killed(domain.up)
    const [before, longer] = [join(early, 'ledger'), join(domain.dataDir, 'ledger')]
    const compared = await domain.command<{ answer: string }>('audit', 'compare', before, longer)
    assert.equal(compared.answer, 'beginning')
    const kept = join(domain.stage.dir, 'kept')
    cpSync(longer, kept, { recursive: true })
    rmSync(domain.dataDir, { recursive: true })
    cpSync(early, domain.dataDir, { recursive: true })
    await domain.restart()
    const alerts = async (): Promise<readonly { record: { code: string; facts?: { kind?: string } } }[]> =>
      (
        await domain.command<{ records: readonly { record: { code: string; facts?: { kind?: string } } }[] }>(
          ...['audit', 'tail', '--kind', 'alert'],
        )
      ).records
    for (const until = Date.now() + WAIT_MS; (await alerts()).length === 0; ) {
      assert.ok(Date.now() < until, 'no alert in time')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const [first] = await alerts()
    assert.equal(first?.record.code, 'ledger_witness_disagrees')
    assert.match(first?.record.facts?.kind ?? '', /knows_more|rewritten/)
    await assert.rejects(domain.command('audit', 'compare', kept, longer), /The copies differ from record \d+ on/)
  })

  test('settings that cannot work are refused with what to do', async () => {
    const start = (...flags: readonly string[]): Promise<unknown> =>
      domain.command('witness', '--name', 'w0.example/witness', '--port', '0', ...flags)
    await assert.rejects(start(), /--log/)
    await assert.rejects(start('--log', 'nonsense'), /verifier key/)
    const dir = ['--dir', join(domain.stage.dir, 'witness-0')]
    await assert.rejects(start('--log', vkey(), ...dir), /has this ledger open/)
    await killed(witnesses[0] as Running)
    await assert.rejects(
      domain.command('witness', '--name', 'other.example', '--log', vkey(), '--port', '0', ...dir),
      /keeps its name/,
    )
    const broken = join(domain.stage.dir, 'broken.txt')
    writeFileSync(broken, 'quorum both\n')
    await assert.rejects(domain.command('audit', 'verify', '--witnesses', broken), /Line 1 .* both is not defined/)
  })
})
