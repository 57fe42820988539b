import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, type FetchLike, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import {
  everything,
  filesystem,
  type Harness,
  httpUpstream,
  startFixture,
  startHarness,
  stdioUpstream,
} from './testing/harness.ts'

type Mode = 'legacy' | { pin: string }
const modes: readonly (readonly [string, Mode])[] = [
  ['2025-11-25', 'legacy'],
  ['2026-07-28', { pin: '2026-07-28' }],
]

const connect = async (
  harness: Harness,
  name: string,
  mode: Mode,
  claims: Record<string, unknown> = {},
): Promise<Client> => {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  const fetch = harness.authorized(harness.token(name, claims)) as unknown as FetchLike
  await client.connect(new StreamableHTTPClientTransport(new URL(harness.urlOf(name)), { fetch }))
  return client
}

describe('gateway with real clients and servers', () => {
  let harness: Harness
  let fixture: Awaited<ReturnType<typeof startFixture>>
  before(async () => {
    fixture = await startFixture()
    const directory = await mkdtemp('/var/tmp/credence-files-')
    await writeFile(join(directory, 'hello.txt'), 'hello from a file')
    harness = await startHarness({
      upstreams: {
        everything: stdioUpstream(everything),
        files: stdioUpstream(filesystem(directory)),
        fixture: httpUpstream(fixture.url),
      },
    })
  })
  after(async () => {
    await harness?.close()
    fixture?.close()
  })

  for (const [revision, mode] of modes) {
    for (const [server, tool, args, expected] of [
      ['everything', 'echo', { message: 'hi' }, /Echo: hi/],
      ['fixture', 'echo', { text: 'hi' }, /echo: hi/],
    ] as const) {
      it(`${revision}: lists and calls a tool of ${server}`, async () => {
        const client = await connect(harness, server, mode)
        const { tools } = await client.listTools()
        assert.ok(tools.some(({ name }) => name === tool))
        const result = await client.callTool({ name: tool, arguments: args })
        assert.match(JSON.stringify(result.content), expected)
        const intent = harness.recorder.intents.at(-1)
        assert.equal(intent?.method, 'tools/call')
        assert.equal(intent?.name, tool)
        assert.ok(intent?.definition)
        await client.close()
      })
    }
  }

  it('shows only the tools that the grant names', async () => {
    const client = await connect(harness, 'fixture', 'legacy', {
      authorization_details: [{ type: 'mcp_tools', locations: [harness.urlOf('fixture')], tools: ['echo'] }],
    })
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['echo'],
    )
    await assert.rejects(client.callTool({ name: 'secret', arguments: {} }))
    await client.close()
  })

  it('records the verdict of the tool, not the status of HTTP', async () => {
    const client = await connect(harness, 'fixture', { pin: '2026-07-28' })
    const result = await client.callTool({ name: 'fail', arguments: {} })
    assert.equal(result.isError, true)
    assert.equal(harness.recorder.outcomes.at(-1)?.status, 'failed')
    await client.close()
  })
})
