/** Ordinary MCP clients, which can prove nothing, through `credence connect`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { MAIN, openTestDomain, ROOT, type TestDomain } from './testing/index.ts'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const runToEnd = (
  command: string,
  argv: readonly string[],
  onError: (text: string) => void = () => {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      onError(stderr)
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })

describe('credence connect', { timeout: 120_000 }, () => {
  let domain: TestDomain
  let bridge: string[]
  before(async () => {
    domain = await openTestDomain()
    await domain.command('agent', 'add', 'notes')
    bridge = [
      MAIN,
      'connect',
      'files',
      '--agent',
      'notes',
      '--data-dir',
      domain.dataDir,
      '--config',
      domain.config,
      '--no-browser',
    ]
  })
  const clients: Client[] = []
  const ordinary = async (): Promise<Client> => {
    const client = new Client({ name: 'ordinary', version: '1' })
    clients.push(client)
    await client.connect(new StdioClientTransport({ command: process.execPath, args: bridge, stderr: 'ignore' }))
    return client
  }
  after(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await domain.close()
  })

  test('asks the person by a link on standard error, once', async () => {
    let asked = false
    const { code, stdout, stderr } = await runToEnd(
      process.execPath,
      [...bridge, '--consent-only', '--json'],
      (text) => {
        const link = /^ {2}(http\S+)$/m.exec(text)?.[1]
        if (link === undefined || asked) return
        asked = true
        void domain.person.allow(link, ['list_directory', 'read_text_file'])
      },
    )
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout).tools, ['list_directory', 'read_text_file'])
    const again = await runToEnd(process.execPath, [...bridge, '--consent-only', '--json'])
    assert.equal(again.code, 0, again.stderr)
    assert.equal(again.stderr, '')
  })

  test('the official client sees ordinary tools over stdio', async () => {
    const client = await ordinary()
    const { tools } = await client.listTools()
    assert.deepEqual(tools.map(({ name }) => name).sort(), ['list_directory', 'read_text_file'])
    const path = join(domain.documents, 'hello.txt')
    const answer = await client.callTool({ name: 'read_text_file', arguments: { path } })
    assert.match(JSON.stringify(answer), /hello from a file/)
    await assert.rejects(client.callTool({ name: 'write_file', arguments: { path, content: 'changed' } }))
    assert.equal(readFileSync(path, 'utf8'), 'hello from a file\n')
  })

  test('so does the MCP Inspector', async () => {
    const inspector = join(ROOT, 'node_modules/.bin/mcp-inspector')
    const node = join(ROOT, 'node_modules/.bin/node')
    const call = [
      '--method',
      'tools/call',
      '--tool-name',
      'read_text_file',
      '--tool-arg',
      `path=${join(domain.documents, 'hello.txt')}`,
    ]
    const { code, stdout, stderr } = await runToEnd(node, [inspector, '--cli', ...call, '--', node, ...bridge])
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /hello from a file/)
  })

  test('after a revocation the client gets an error and no tool', async () => {
    const { grants } = await domain.command<{ grants: readonly { id: string }[] }>('grant', 'list')
    const client = await ordinary()
    await domain.command('revoke', '--grant', grants[0]?.id ?? '', '--reason', 'test')
    const path = join(domain.documents, 'hello.txt')
    // The bridge may ask the person anew; nobody answers here.
    await assert.rejects(client.callTool({ name: 'read_text_file', arguments: { path } }, { timeout: 3_000 }))
  })
})
