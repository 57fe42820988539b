import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  freePorts,
  isPrivate,
  killed,
  MAIN,
  openStage,
  openTestDomain,
  type Stage,
  type TestDomain,
} from './testing/index.ts'

const credence = (...argv: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8', timeout: 30_000 })
  return { status, stdout, stderr }
}

describe('credence up in a clean directory', () => {
  let stage: Stage
  let dataDir: string
  let flags: string[]
  before(async () => {
    stage = openStage()
    dataDir = join(stage.dir, 'data')
    const [one, two] = await freePorts(2)
    flags = ['--data-dir', dataDir, '--issuer', `http://localhost:${one}`, '--gateway-url', `http://localhost:${two}`]
  })
  after(() => stage.close())

  test('makes everything private, keeps the setup link off a pipe, and ends at SIGTERM', async () => {
    const { child, ready } = await stage.start('up', ...flags)
    const file = String(ready.setupLinkFile)
    const link = readFileSync(file, 'utf8').trim()
    assert.match(link, /\/setup#[\w-]{43}$/)
    assert.ok(!JSON.stringify(ready).includes(link.split('#')[1] ?? ''))
    for (const name of ['', 'kek', 'operator.json', 'credence.db', 'setup-link'])
      assert.ok(isPrivate(join(dataDir, name)), name)
    assert.match(credence('status', '--data-dir', dataDir).stdout, /^lease +fresh$/m)
    const second = credence('up', ...flags)
    assert.equal(second.status === 0, false)
    assert.match(second.stderr, /in use|another/i)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    assert.equal(await ended, 0)
  })

  test('says what to do when nothing runs', () => {
    const down = credence('agent', 'list', '--data-dir', dataDir)
    assert.equal(down.status, 3)
    assert.match(down.stderr, /Is `credence up` running/)
    const elsewhere = credence('agent', 'list', '--data-dir', join(stage.dir, 'nothing'))
    assert.equal(elsewhere.status, 1)
    assert.match(elsewhere.stderr, /credence up/)
  })

  test('refuses settings that it does not know, and an issuer that others could listen to', () => {
    const unknown = credence('up', ...flags, '--isuer', 'x')
    assert.equal(unknown.status, 2)
    const file = join(stage.dir, 'wrong.json')
    writeFileSync(file, '{"isuer":"http://localhost:1"}')
    const inFile = credence('up', '--config', file, '--data-dir', dataDir)
    assert.equal(inFile.status, 2)
    assert.match(inFile.stderr, /Did you mean "issuer"/)
    const open = credence('up', '--data-dir', join(stage.dir, 'open'), '--issuer', 'http://credence.example')
    assert.equal(open.status, 2)
    assert.match(open.stderr, /https/)
    assert.ok(!existsSync(join(stage.dir, 'open')))
  })

  test('usage errors are exit code 2, in words or as JSON', () => {
    assert.equal(credence('frobnicate').status, 2)
    assert.match(credence('server').stderr, /credence server add/)
    assert.equal(credence('agent', 'show').status, 2)
    const json = credence('agent', 'show', '--json')
    assert.equal(JSON.parse(json.stderr).error.code, 'usage')
    assert.equal(credence('help').status, 0)
    assert.match(credence('revoke', '--help').stdout, /--grant grt_/)
  })
})

describe('kill -9', () => {
  let domain: TestDomain
  before(async () => {
    domain = await openTestDomain()
  })
  after(() => domain.close())

  test('nothing acknowledged is lost, and the ledger is sound', { timeout: 60_000 }, async () => {
    const agent = await domain.command<{ id: string }>('agent', 'add', 'survivor')
    await killed(domain.up)
    const { ready } = await domain.restart()
    assert.equal(ready.setupLinkFile, undefined, 'there is an owner, so there is no setup link')
    const { agents } = await domain.command<{ agents: readonly { id: string }[] }>('agent', 'list')
    assert.ok(agents.some(({ id }) => id === agent.id))
    const verdict = await domain.command<{ sound: boolean; records: number }>('audit', 'verify')
    assert.ok(verdict.sound && verdict.records > 5)
  })
})
