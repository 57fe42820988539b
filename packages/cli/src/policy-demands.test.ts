/** What policies demand, at a gateway that runs: asking a person, obligations, the time. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Agent } from '@credence/agent'
import { openAgent, openTestDomain, register, type TestDomain } from './testing/index.ts'

interface Refusal {
  readonly record: {
    readonly code: string
    readonly reason: string
    readonly name?: string
    readonly op?: string
    readonly decision?: { readonly id: string; readonly policies: readonly string[] }
  }
}

const POLICIES = `
@id("lists") permit (principal, action in Action::"mcp.list", resource) when { context.granted };
@id("reads") permit (principal, action == Action::"tools/call", resource)
when { context.granted && resource.name == "list_directory" && context.now < datetime("2999-01-01") };
@id("asks") @ask("person") permit (principal, action == Action::"tools/call", resource)
when { context.granted && resource.name == "read_text_file" };
@id("tells") @obligation("notification to=ops@example.com body='A folder was made'")
permit (principal, action == Action::"tools/call", resource) when { context.granted && resource.name == "create_directory" };
@id("past") permit (principal, action == Action::"tools/call", resource)
when { context.granted && resource.name == "write_file" && context.now < datetime("2001-01-01") };
`

describe('what policies demand', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let agent: Agent
  let connection: Awaited<ReturnType<Agent['connect']>>

  const folder = (name: string, text: string): string => {
    const dir = join(domain.stage.dir, name)
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'all.cedar'), text)
    return dir
  }
  const refusalsOf = async (name: string): Promise<Refusal['record'][]> =>
    (await domain.command<{ records: readonly Refusal[] }>('audit', 'tail', '--kind', 'refusal', '--n', '100')).records
      .map(({ record }) => record)
      .filter((record) => record.name === name)

  before(async () => {
    domain = await openTestDomain()
    await domain.command('policy', 'apply', folder('demands', POLICIES))
    const made = await register(domain, 'reader')
    const tools = ['list_directory', 'read_text_file', 'create_directory', 'write_file']
    agent = await openAgent(domain, made, tools)
    connection = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
  })
  after(async () => {
    await connection.close()
    await agent.close()
    await domain.close()
  })

  test('what only needs the time goes through, and what is past does not', async () => {
    await connection.callTool({ name: 'list_directory', arguments: { path: domain.documents } })
    const call = connection.callTool({
      name: 'write_file',
      arguments: { path: join(domain.documents, 'x'), content: '' },
    })
    await assert.rejects(call, /No policy permits/)
  })

  test('what a person must approve is refused with what is missing, recorded, and still listed', async () => {
    const read = { name: 'read_text_file', arguments: { path: join(domain.documents, 'hello.txt') } }
    await assert.rejects(connection.callTool(read), /A person must approve .*policy `asks`.*no approvals are connected/)
    const [record] = await refusalsOf('read_text_file')
    assert.equal(record?.code, 'approval_required')
    assert.deepEqual(record?.decision?.policies, ['asks'])
    assert.ok(record?.reason.includes(String(record.op)), 'the hash that an approval would be bound to')
    const { tools } = await connection.listTools()
    assert.ok(tools.some(({ name }) => name === 'read_text_file'))
  })

  test('an obligation that this gateway cannot meet denies, and is recorded', async () => {
    const make = { name: 'create_directory', arguments: { path: join(domain.documents, 'made') } }
    await assert.rejects(connection.callTool(make), /demands .*notification.*, which cannot be met here/)
    const [record] = await refusalsOf('create_directory')
    assert.deepEqual([record?.code, record?.decision?.policies], ['obligation_unmet', ['tells']])
  })

  test('a recorded question to a person is explained, and what-if says what would be asked', async () => {
    const [record] = await refusalsOf('read_text_file')
    const told = await domain.command<{ answer: string; notes: string[] }>(
      'policy',
      'explain',
      String(record?.decision?.id),
    )
    assert.equal(told.answer, 'ask')
    const open = folder('open', POLICIES.replace('@ask("person")', ''))
    const changes = async (dir: string) => {
      const { changes: found } = await domain.command<{ changes: { name: string; was: string; becomes?: string }[] }>(
        'policy',
        'what-if',
        dir,
      )
      return found.map(({ name, was, becomes }) => [name, was, becomes])
    }
    assert.deepEqual(await changes(open), [['read_text_file', 'ask', 'allow']])
    const more = folder('more', POLICIES.replace('@id("reads")', '@id("reads") @ask("person")'))
    assert.deepEqual(await changes(more), [['list_directory', 'allow', 'ask']])
  })

  test('a demand that nobody understands never comes into force', async () => {
    const wrong = folder('wrong', POLICIES.replace('@ask("person")', '@ask("somebody")'))
    await assert.rejects(domain.command('policy', 'apply', wrong), /all\.cedar:5:13: There is nobody to ask/)
  })
})
