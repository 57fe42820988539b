/** The tools for those who write policies, beside a domain that is in use. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openAgent, openTestDomain, register, type TestDomain } from './testing/index.ts'

interface Explained {
  readonly answer: string
  readonly grant: string
  readonly near: readonly string[]
  readonly notes: readonly string[]
  readonly policies: readonly { readonly id: string; readonly standing: string }[]
}

interface Told {
  readonly replayed: number
  readonly same: number
  readonly allowToDeny: number
  readonly cannotBeTold: number
  readonly changes: readonly { readonly name: string; readonly by: readonly string[]; readonly why?: string }[]
}

describe('policies beside a domain in use', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let agentId = ''
  let refusedId = ''
  let calledId = ''
  let beyondId = ''

  const folder = (name: string, files: Readonly<Record<string, string>>): string => {
    const dir = join(domain.stage.dir, name)
    mkdirSync(dir, { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text)
    return dir
  }

  const inForce = async (): Promise<Record<string, string>> => {
    const { source } = await domain.command<{ source: { files: readonly { name: string; text: string }[] } }>(
      'policy',
      'show',
    )
    return Object.fromEntries(source.files.map(({ name, text }) => [name, text]))
  }

  const decisions = async (
    kind: string,
  ): Promise<readonly { record: { id: string; decision?: { id: string }; name?: string } }[]> =>
    (
      await domain.command<{
        records: readonly { record: { id: string; decision?: { id: string }; name?: string } }[]
      }>('audit', 'tail', '--kind', kind, '--n', '200')
    ).records

  before(async () => {
    domain = await openTestDomain()
    const made = await register(domain, 'reader')
    agentId = made.id
    const agent = await openAgent(domain, made, ['list_directory', 'read_text_file'])
    const connection = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
    await connection.callTool({ name: 'list_directory', arguments: { path: domain.documents } })
    const beyond = { path: join(domain.documents, 'new.txt'), content: 'x' }
    await assert.rejects(connection.callTool({ name: 'write_file', arguments: beyond }))
    const shut = folder('shut', {
      ...(await inForce()),
      'shut.cedar':
        '@id("no-reading") forbid (principal, action == Action::"tools/call", resource is Tool) when { resource.name == "read_text_file" };',
    })
    await domain.command('policy', 'apply', shut)
    await assert.rejects(
      connection.callTool({ name: 'read_text_file', arguments: { path: join(domain.documents, 'hello.txt') } }),
    )
    await connection.close()
    await agent.close()
    calledId =
      (await decisions('intent')).find(({ record }) => record.name === 'list_directory')?.record.decision?.id ?? ''
    refusedId =
      (await decisions('refusal')).find(({ record }) => record.name === 'read_text_file')?.record.decision?.id ?? ''
    beyondId = (await decisions('refusal')).find(({ record }) => record.name === 'write_file')?.record.id ?? ''
  })
  after(() => domain.close())

  test('a recorded decision is explained by its id, a yes and a no', async () => {
    const called = await domain.command<Explained>('policy', 'explain', calledId)
    assert.equal(called.answer, 'allow')
    assert.match(called.notes.join(' '), /Recorded: allow by granted-tools/)
    assert.match(called.notes.join(' '), /decided by other policies than these/)
    const denied = await domain.command<Explained>('policy', 'explain', refusedId)
    assert.deepEqual(
      denied.policies.filter(({ standing, id }) => standing === 'matches' && id === 'no-reading').length,
      1,
    )
    const outside = await domain.command<Explained>('policy', 'explain', beyondId)
    assert.deepEqual([outside.answer, outside.policies], ['deny', []])
    assert.match(outside.grant, /^grt_[\w-]+ \(active\) allows list_directory, read_text_file at http/)
    const outcome = (await decisions('outcome'))[0]?.record.id ?? ''
    await assert.rejects(domain.command('policy', 'explain', outcome), /No policy answered here/)
    await assert.rejects(domain.command('policy', 'explain', 'dec_nothing'), /Nothing is recorded/)
  })

  test('a request as flags takes agents, servers and labels from the registry', async () => {
    const request = [
      '--agent',
      'reader',
      '--server',
      'files',
      '--tool',
      'write_file',
      '--person',
      'Ada',
      '--grant',
      'write_file',
    ]
    const open = await domain.command<Explained & { question: string }>('policy', 'explain', ...request)
    assert.equal(open.answer, 'allow')
    assert.ok(open.question.startsWith(`Agent::"${agentId}"`))
    assert.ok(open.question.includes(`${domain.gatewayUrl}/mcp/files`))
    await assert.rejects(
      domain.command('policy', 'explain', '--agent', 'nobody', '--server', 'files', '--tool', 'x'),
      /credence agent list/,
    )
  })

  test('log and diff say who changed what, in words', async () => {
    interface Log {
      readonly versions: readonly {
        readonly number: number
        readonly changes: readonly { readonly sentence: string; readonly allows: string }[]
      }[]
    }
    const { versions } = await domain.command<Log>('policy', 'log')
    assert.deepEqual(
      versions.map(({ number, changes }) => [number, changes.length]),
      [
        [2, 1],
        [1, 5],
      ],
    )
    assert.match(
      versions[0]?.changes[0]?.sentence ?? '',
      /^Adds `no-reading`: it forbids anybody tools\/call on any Tool when/,
    )
    assert.equal((await domain.command<Log>('policy', 'log', '--n', '1')).versions.length, 1)
    const { changes } = await domain.command<Log['versions'][0]>('policy', 'diff', '2', '1')
    assert.deepEqual(
      changes.map(({ allows }) => allows),
      ['more'],
    )
    const dir = folder('as-it-is', await inForce())
    assert.deepEqual((await domain.command<Log['versions'][0]>('policy', 'diff', dir)).changes, [])
    await assert.rejects(domain.command('policy', 'diff', '2', '99'), /no such version/)
    await assert.rejects(domain.command('policy', 'diff', join(domain.stage.dir, 'nowhere')), /There is no folder/)
  })

  test('a template becomes a policy with its expectations, which are tried', async () => {
    interface Made {
      readonly files: readonly string[]
      readonly failed: readonly unknown[]
    }
    const dir = folder('made', await inForce())
    const fill = (...flags: string[]): Promise<Made> =>
      domain.command<Made>(
        'policy',
        'new',
        'spending-limit',
        '--dir',
        dir,
        '--agent',
        agentId,
        '--server',
        'https://s.example',
        '--tool',
        'pay',
        '--most',
        '500',
        ...flags,
      )
    const made = await fill()
    assert.deepEqual([made.files.length, made.failed], [3, []])
    const { passed } = await domain.command<{ passed: number }>('policy', 'test', dir)
    assert.equal(passed, 5)
    await assert.rejects(fill(), /already. Choose another name with --id/)
    await assert.rejects(fill('--id', 'sums', '--argument', 'sum'), /does not declare the argument sum/)
    await assert.rejects(domain.command('policy', 'test', join(dir, 'sums.test.json')), /There is no file/)
    await assert.rejects(domain.command('policy', 'new', 'nothing'), /There are: allowance, .*for-itself/)
    const file = join(dir, 'spending-limit.test.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"expect": "allow"', '"expect": "deny"'))
    await assert.rejects(
      domain.command('policy', 'test', file),
      /1 of 5 are not as expected; the first is at .*spending-limit.test.json:/,
    )
    const { templates } = await domain.command<{ templates: readonly unknown[] }>('policy', 'templates')
    assert.equal(templates.length, 11)
  })

  test('the arguments of a real server get types that a folder can use', async () => {
    interface Types {
      readonly schema: string
      readonly typed: readonly string[]
      readonly untyped: readonly { readonly argument: string }[]
    }
    const types = await domain.command<Types>('policy', 'schema', 'files')
    assert.ok(types.typed.includes('path'))
    const dir = folder('with-types', {
      'schema.cedarschema': types.schema,
      'a.cedar':
        'permit (principal, action == Action::"tools/call", resource) when { context has arguments && context.arguments has path && context.arguments.path like "/tmp/*" };',
    })
    await domain.command('policy', 'check', dir)
    await assert.rejects(domain.command('policy', 'schema', 'nowhere'), /no such server/)
  })

  test('what-if says what would change, and what cannot be told', async () => {
    const same = await domain.command<Told>('policy', 'what-if', folder('same', await inForce()))
    assert.ok(same.replayed >= 2)
    assert.equal(same.replayed, same.same + same.cannotBeTold + same.allowToDeny)
    const dir = folder('tight', {
      ...(await inForce()),
      'tight.cedar':
        '@id("no-lists") forbid (principal, action == Action::"tools/call", resource is Tool) when { resource.name == "list_directory" };',
    })
    const told = await domain.command<Told>('policy', 'what-if', dir, '--since', '1h')
    assert.equal(told.allowToDeny, 1)
    assert.deepEqual(told.changes.filter(({ name }) => name === 'list_directory')[0]?.by, ['no-lists'])
    const typed = folder('typed', {
      ...(await inForce()),
      'typed.cedar':
        '@id("paths") forbid (principal, action == Action::"tools/call", resource is Tool) when { context has arguments && context.arguments has path && context.arguments.path like "/etc/*" };',
      'schema.cedarschema': 'type Arguments = { path?: String };',
    })
    const open = await domain.command<Told>('policy', 'what-if', typed)
    assert.ok(open.changes.some(({ name, why }) => name === 'list_directory' && /paths/.test(why ?? '')))
    const cut = await domain.command<Told & { notes: readonly string[] }>('policy', 'what-if', dir, '--limit', '1')
    assert.equal(cut.replayed, 1)
    assert.match(cut.notes.join(), /older decisions/)
    assert.equal((await domain.command<Told>('policy', 'what-if', dir, '--until', '1h')).replayed, 0)
    for (const limit of ['0', '1.5', 'x'])
      await assert.rejects(domain.command('policy', 'what-if', dir, '--limit', limit), /whole number/)
    await assert.rejects(domain.command('policy', 'what-if', dir, '--since', 'soon'), /2h/)
  })
})
