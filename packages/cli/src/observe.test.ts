/** A server whose policies are observed, at a gateway that runs: what is done, what is recorded, and what stays refused. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Agent } from '@credence/agent'
import { openAgent, openTestDomain, register, type TestDomain } from './testing/index.ts'

interface Recorded {
  readonly id: string
  readonly name?: string
  readonly method: string
  readonly decision: {
    readonly id: string
    readonly policies: readonly string[]
    readonly reason: string
    readonly observed?: string
  }
  readonly facts?: Readonly<Record<string, unknown>>
}

const CLOSED = `
@id("lists") permit (principal, action in Action::"mcp.list", resource) when { context.granted };
@id("closed") forbid (principal, action == Action::"tools/call", resource) when { resource.name == "read_text_file" };
`

describe('a server whose policies are observed', { timeout: 110_000 }, () => {
  let domain: TestDomain
  let agent: Agent
  let agentId = ''
  let connection: Awaited<ReturnType<Agent['connect']>>

  const read = () =>
    connection.callTool({ name: 'read_text_file', arguments: { path: join(domain.documents, 'hello.txt') } })
  const list = () => connection.callTool({ name: 'list_directory', arguments: { path: domain.documents } })
  const intents = async (): Promise<Recorded[]> => {
    const { records } = await domain.command<{ records: readonly { record: Recorded }[] }>(
      'audit',
      'tail',
      '--kind',
      'intent',
      '--n',
      '100',
    )
    return records.map(({ record }) => record)
  }
  const newest = async (name: string): Promise<Recorded | undefined> =>
    (await intents()).filter((record) => record.name === name).at(-1)

  before(async () => {
    domain = await openTestDomain()
    const dir = join(domain.stage.dir, 'closed')
    mkdirSync(dir)
    writeFileSync(join(dir, 'closed.cedar'), CLOSED)
    await domain.command('policy', 'apply', dir)
    const made = await register(domain, 'reader')
    agentId = made.id
    agent = await openAgent(domain, made, ['list_directory', 'read_text_file'])
    connection = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
  })
  after(async () => {
    await connection.close()
    await agent.close()
    await domain.close()
  })

  test('enforced, until somebody who administers says otherwise, on record', async () => {
    await assert.rejects(read(), /closed/)
    await assert.rejects(list(), /No policy permits/)
    await assert.rejects(domain.command('server', 'set', 'files'), /--observe or --enforce/)
    const set = await domain.command<{ observe?: boolean }>('server', 'set', 'files', '--observe')
    assert.equal(set.observe, true)
    const act = (await intents()).find(({ method }) => method === 'server.observe')
    assert.deepEqual([act?.name, act?.facts?.observe, act?.facts?.before], ['files', true, false])
    const status = await domain.command<{ observed: string[] }>('status')
    assert.deepEqual(status.observed, ['files'])
    const inventory = await domain.command<{ servers: { name: string; observe: boolean }[] }>('inventory')
    assert.deepEqual(
      inventory.servers.map(({ name, observe }) => [name, observe]),
      [['files', true]],
    )
  })

  test('what the policies refuse is done, and the record says that they refused it', async () => {
    await read()
    await list()
    const forbidden = await newest('read_text_file')
    assert.deepEqual([forbidden?.decision.observed, forbidden?.decision.policies], ['refused', ['closed']])
    assert.match(String(forbidden?.decision.reason), /^Observed, not enforced: Policy `closed` forbids/)
    const unnamed = await newest('list_directory')
    assert.deepEqual([unnamed?.decision.observed, unnamed?.decision.policies], ['refused', []])
    const told = await domain.command<{ answer: string }>('policy', 'explain', String(forbidden?.decision.id))
    assert.equal(told.answer, 'deny')
  })

  test('what would have been refused is what what-if begins with', async () => {
    const dir = join(domain.stage.dir, 'open')
    mkdirSync(dir)
    writeFileSync(join(dir, 'open.cedar'), '@id("open") permit (principal, action, resource) when { context.granted };')
    const { changes } = await domain.command<{ changes: { name: string; was: string; becomes?: string }[] }>(
      'policy',
      'what-if',
      dir,
    )
    const calls = changes.map(({ name, was, becomes }) => `${name} ${was} ${becomes}`)
    assert.ok(calls.includes('read_text_file deny allow') && calls.includes('list_directory deny allow'), calls.join())
  })

  test('beyond the grant it stays refused', async () => {
    const beyond = { path: join(domain.documents, 'new.txt'), content: 'x' }
    await assert.rejects(connection.callTool({ name: 'write_file', arguments: beyond }), /Insufficient scope/)
    const { records } = await domain.command<{ records: readonly { record: { code: string; name?: string } }[] }>(
      'audit',
      'tail',
      '--kind',
      'refusal',
    )
    assert.equal(records.findLast(({ record }) => record.name === 'write_file')?.record.code, 'grant_insufficient')
  })

  test('enforced again, it is refused at once', async () => {
    await domain.command('server', 'set', 'files', '--enforce')
    await assert.rejects(read(), /closed/)
    assert.deepEqual((await domain.command<{ observed: string[] }>('status')).observed, [])
    await domain.command('server', 'set', 'files', '--observe')
    await read()
  })

  test('a start says it aloud, and a suspended agent stays out', async () => {
    await connection.close()
    domain.up.child.kill('SIGTERM')
    await new Promise((resolve) => domain.up.child.once('exit', resolve))
    const up = await domain.restart()
    assert.match(String(up.ready.unsafe), /policies of the server files are observed and not enforced/)
    await domain.command('agent', 'suspend', agentId)
    await assert.rejects(agent.connect(`${domain.gatewayUrl}/mcp/files`))
  })
})
