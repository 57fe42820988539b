/** A tool with a mapping of its own: policies decide on what a call is about, not only on its name. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Agent, createAgent, loadSigner } from '@credence/agent'
import type { IndexedRecord } from '@credence/audit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import type { IntentRecord } from '@credence/model'
import { createApi } from './api.ts'
import { openAgent, openTestDomain, register, type TestDomain } from './testing/index.ts'

const MAPPING = {
  evaluation: {
    subject: { type: 'identity', id: '$token.sub' },
    action: { name: 'list' },
    resource: { type: 'folder', id: '$params.arguments.path' },
    context: { agent: '$token.?client_id' },
  },
}

describe('a tool with a mapping of its own', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let agent: Agent
  let client: Awaited<ReturnType<Agent['connect']>>
  let inner: string

  before(async () => {
    domain = await openTestDomain()
    inner = join(domain.documents, 'inner')
    mkdirSync(inner)
    const made = await register(domain, 'courier')
    agent = await openAgent(domain, made, ['list_directory'])
    client = await agent.connect(`${domain.gatewayUrl}/mcp/files`)
  })
  after(async () => {
    await client?.close()
    await agent?.close()
    await domain?.close()
  })

  const call = async (args: Record<string, unknown>): Promise<string> => {
    try {
      await client.callTool({ name: 'list_directory', arguments: args })
      return 'done'
    } catch (error) {
      return /-3\d{4}/.exec(`${(error as { code?: unknown }).code} ${String(error)}`)?.[0] ?? String(error)
    }
  }
  const map = (...how: string[]) => domain.command('server', 'map', 'files', 'list_directory', ...how)
  const applied = async (permitted: string): Promise<void> => {
    const folder = join(domain.stage.dir, 'policies')
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'schema.cedarschema'),
      'entity identity;\nentity folder;\naction "list" appliesTo { principal: [identity], resource: [folder], context: {} };\n',
    )
    const calls = '@id("calls") permit (principal, action, resource) when { context has granted && context.granted };'
    const folders = `@id("folders") permit (principal is identity, action == Action::"list", resource == folder::${JSON.stringify(permitted)});`
    writeFileSync(join(folder, 'all.cedar'), `${calls}\n${folders}\n`)
    await domain.command('policy', 'apply', folder)
  }

  test('what is no mapping, and what the server does not declare, does not get into the registry', async () => {
    const wrong = domain.stage.writeJson('wrong.json', {
      evaluation: { resource: { type: 'x', id: "$'a'.matches('b')" } },
    })
    await assert.rejects(map('--file', wrong), /COAZ mapping error/)
    await assert.rejects(map('--declared', '--yes'), /declares no mapping/)
    const mapping = domain.stage.writeJson('typo.json', MAPPING)
    const typo = ['server', 'map', 'files', 'list_directoy', '--file', mapping]
    await assert.rejects(domain.command(...typo), /has no tool "list_directoy"/)
    await assert.rejects(domain.command('server', 'label', 'files', 'read_fil=read'), /has no tool "read_fil"/)
    await domain.command(...typo, '--force')
    const { remarks } = await domain.command<{ remarks: string[] }>('server', 'show', 'files')
    assert.match(remarks.join(), /list_directoy, which the server does not have/)
    await domain.command('server', 'map', 'files', 'list_directoy', '--remove')
    await assert.rejects(map(), /Say one of/)
    assert.equal(await call({ path: domain.documents }), 'done')
  })

  test('with a mapping a call needs a policy for what it is about; the list still shows the tool', async () => {
    await map('--file', domain.stage.writeJson('mapping.json', MAPPING))
    assert.equal(await call({ path: domain.documents }), '-32001')
    await applied(domain.documents)
    assert.equal(await call({ path: domain.documents }), 'done')
    assert.equal(await call({ path: inner }), '-32001', 'another folder')
    assert.equal(await call({ path: 7 }), '-32001', 'asked about as text, of which no policy knows')
    assert.equal(await call({ path: [domain.documents] }), '-32602', 'no id')
    assert.equal(await call({ folder: domain.documents }), '-32602', 'no such argument')
    assert.deepEqual(
      (await client.listTools()).tools.map(({ name }) => name),
      ['list_directory'],
    )
    const { records } = await domain.command<{ records: readonly IndexedRecord[] }>(
      'audit',
      'tail',
      '--kind',
      'intent',
      '--n',
      '100',
    )
    const intent = records.map(({ record }) => record as IntentRecord).findLast(({ name }) => name === 'list_directory')
    assert.deepEqual(intent?.decision.policies, ['calls', 'mapping/folders'])
    assert.deepEqual(
      intent?.decision.by?.map(({ point, effect }) => [point, effect]),
      [
        ['own', 'granted'],
        ['mapping', 'granted'],
      ],
    )
    // What a mapping refused, the policies had allowed: the same policies change nothing.
    const same = await domain.command<{ allowToDeny: number; denyToAllow: number; same: number }>(
      'policy',
      'what-if',
      join(domain.stage.dir, 'policies'),
      '--since',
      '1h',
    )
    assert.deepEqual([same.allowToDeny, same.denyToAllow], [0, 0])
    assert.ok(same.same > 3, JSON.stringify(same))
  })

  test('what a server declares counts once it was taken over, and stays as it was then', async () => {
    const made = await domain.command<{ id: string; folder: string }>('agent', 'add', 'gateway-2', '--node')
    const node = createAgent({
      clientId: made.id,
      signer: await loadSigner(join(made.folder, 'key.pem')),
      clock: nodeClock,
      random: nodeRandom,
      allowPrivate: [new URL(domain.issuer).host],
    })
    const api = createApi(domain.issuer, node.apiFetch(domain.issuer, `${domain.issuer}/v1`, 'node'), () =>
      node.close(),
    )
    const declare = (mapping: unknown) =>
      api.send('PUT', '/v1/servers/files/tools', {
        tools: [{ name: 'list_directory', inputSchema: { type: 'object', 'x-authzen-mapping': mapping } }],
      })
    /** The real server may tell its tools once more, after every change of the registry. */
    const takenOver = async (mapping: unknown, tries = 20): Promise<string> => {
      await declare(mapping)
      const said = await map('--declared', '--yes').then(
        () => 'done',
        (error: unknown) => String(error),
      )
      return tries > 0 && /declares no mapping/.test(said) ? takenOver(mapping, tries - 1) : said
    }
    const shown = async () => {
      const { mappings } = await domain.command<{ mappings?: Record<string, unknown> }>('server', 'show', 'files')
      return mappings?.list_directory
    }
    const seen = async (tries = 20): Promise<unknown> => {
      await declare(MAPPING)
      return await map('--declared').catch((error: unknown) => {
        if (tries === 0) throw error
        return seen(tries - 1)
      })
    }
    await map('--remove')
    await declare(MAPPING)
    assert.equal(await shown(), undefined, 'a declaration alone is nothing')
    assert.deepEqual(await seen(), { declared: MAPPING, changed: false })
    assert.equal(await shown(), undefined, 'and looking at it changes nothing')
    assert.equal(await takenOver(MAPPING), 'done')
    assert.deepEqual(await shown(), MAPPING)
    await declare({ evaluation: { action: { name: 'free' }, resource: { type: 'x', id: 'y' } } })
    assert.deepEqual(await shown(), MAPPING)
    assert.match(await takenOver({ evaluation: {}, evaluations: {} }), /COAZ mapping error/)
    assert.deepEqual(await shown(), MAPPING)
    await api.close()
  })

  test('it gives nothing: where the policies refuse the call, what it is about does not help; without it all is as before', async () => {
    await applied(inner)
    assert.equal(await call({ path: inner }), 'done')
    await domain.command('server', 'label', 'files', 'list_directory=read')
    const folder = join(domain.stage.dir, 'policies')
    const { readFileSync } = await import('node:fs')
    const text = readFileSync(join(folder, 'all.cedar'), 'utf8')
    writeFileSync(
      join(folder, 'all.cedar'),
      `${text}@id("shut") forbid (principal, action == Action::"tools/call", resource is Tool);\n`,
    )
    await domain.command('policy', 'apply', folder)
    assert.equal(await call({ path: inner }), '-32001')
    await applied(inner)
    await map('--remove')
    assert.equal(await call({ path: domain.documents }), 'done')
  })
})
