/**
 * The MCP Inspector, which knows nothing of tokens, keys and policies, against a real file server behind the gateway:
 * through `credence connect`, as any client of people's own computers would be set up.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTestDomain, type TestDomain } from '@credence/cli/testing'
import { attempt, type Suite } from '../suite.ts'

const require = createRequire(import.meta.url)
const INSPECTOR = join(
  require.resolve('@modelcontextprotocol/inspector/package.json'),
  '../clients/launcher/build/index.js',
)
const CREDENCE = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url))
const LIMIT_MS = 60_000

interface Ended {
  readonly status: number
  readonly out: string
  readonly err: string
}

const run = (args: readonly string[], onError: (text: string) => void = () => {}): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
    let out = ''
    let err = ''
    child.stdout.on('data', (piece: Buffer) => {
      out += piece.toString()
    })
    child.stderr.on('data', (piece: Buffer) => {
      err += piece.toString()
      onError(err)
    })
    child.on('close', (code) => resolve({ status: code ?? 1, out, err }))
  })

const connectOf = ({ dataDir, config }: TestDomain): string[] => [
  CREDENCE,
  'connect',
  'files',
  '--data-dir',
  dataDir,
  '--config',
  config,
  '--no-browser',
]

/** The link that is shown to the person, followed by the person; only reading is left chosen. */
const consent = async (domain: TestDomain): Promise<void> => {
  let asked: Promise<void> | undefined
  const ended = await run([...connectOf(domain), '--consent-only', '--json'], (text) => {
    const [url] = /https?:\/\/\S+\/authorize\?\S+/.exec(text) ?? []
    if (url !== undefined) asked ??= domain.person.allow(url, ['read_text_file', 'list_directory'])
  })
  await asked
  assert.equal(ended.status, 0, ended.err)
}

const inspect = (domain: TestDomain, ...args: string[]): Promise<Ended> => {
  const server = { command: process.execPath, args: connectOf(domain) }
  const session = domain.stage.writeJson('inspector.json', { mcpServers: { files: server } })
  return run([INSPECTOR, '--cli', '--config', session, '--server', 'files', ...args])
}

export const inspector: Suite = {
  name: 'inspector',
  about: 'MCP Inspector --cli through credence connect',
  run: async (report) => {
    const domain = await openTestDomain()
    try {
      await domain.command('agent', 'add', 'inspector')
      await attempt(report, 'consent in the public pages', () => consent(domain))
      await attempt(report, 'tools/list shows what was allowed and nothing else', async () => {
        const { status, out, err } = await inspect(domain, '--method', 'tools/list')
        assert.equal(status, 0, err)
        const { tools } = JSON.parse(out) as { tools: { name: string }[] }
        assert.deepEqual(tools.map(({ name }) => name).sort(), ['list_directory', 'read_text_file'])
      })
      const path = `path=${join(domain.documents, 'hello.txt')}`
      await attempt(report, 'tools/call of an allowed tool', async () => {
        const { out, err } = await inspect(
          domain,
          '--method',
          'tools/call',
          '--tool-name',
          'read_text_file',
          '--tool-arg',
          path,
        )
        assert.match(out, /hello from a file/, err)
      })
      await attempt(report, 'tools/call of a tool that was not allowed', async () => {
        const args = ['--method', 'tools/call', '--tool-name', 'get_file_info', '--tool-arg', path]
        const { status, out } = await inspect(domain, ...args)
        assert.notEqual(status, 0)
        assert.doesNotMatch(out, /size|created/)
      })
    } finally {
      await domain.close()
    }
  },
}
