/** The SDK's own client, given a fetch that proves possession, against a guarded server of the SDK. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getRequestListener } from '@hono/node-server'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { createGuard } from '../guard.ts'
import { listen } from '../testing/door-contract.ts'
import { DOMAIN, ISSUER, proofBy, RESOURCE, testPipelineDeps, testTokens } from '../testing/world.ts'
import { staticKeys } from '../token/key-source.ts'
import { guardMcp } from './mcp.ts'

test('connect, list, call, and a call that policy refuses', async () => {
  const deps = testPipelineDeps()
  const { clock, client: key, issuer, once } = testTokens()
  const keys = staticKeys({ [issuer.kid]: issuer.keys.publicKey })
  const guard = createGuard({
    ...deps,
    clock,
    once,
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, keys, domain: DOMAIN }],
  })
  clock.advance(6000)
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'files', version: '1.0.0' })
    const inputSchema = z.object({ path: z.string(), deep: z.array(z.object({ n: z.number() })) })
    server.registerTool('read', { inputSchema }, ({ path, deep }) => ({
      content: [{ type: 'text', text: `${path} ${deep[0]?.n}` }],
    }))
    return server
  })
  const door = await listen(getRequestListener(guardMcp(guard, handler).fetch))
  const token = issuer.token()
  const transport = new StreamableHTTPClientTransport(new URL(`${door.origin}/mcp/files`), {
    fetch: (url, init) => {
      const headers = new Headers(init?.headers)
      headers.set('authorization', `DPoP ${token}`)
      headers.set('dpop', proofBy(key, clock.now, { token, method: init?.method ?? 'GET' }))
      return fetch(url, { ...init, headers })
    },
  })
  const client = new Client({ name: 'test', version: '1' })
  try {
    await client.connect(transport)
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['read'],
    )
    const call = () => client.callTool({ name: 'read', arguments: { path: '/a', deep: [{ n: 7 }] } })
    const result = await call()
    assert.deepEqual(result.content, [{ type: 'text', text: '/a 7' }])
    const asked = deps.decider.asked.at(-1)
    assert.equal(asked?.method, 'tools/call')
    assert.equal(asked?.name, 'read')
    assert.deepEqual(asked?.arguments, { path: '/a', deep: [{ n: 7 }] })
    assert.equal(asked?.consequential, true)
    deps.decider.answer = { effect: 'refused', reason: 'Not this path.' }
    await assert.rejects(call())
    assert.equal(deps.recorder.refusals.at(-1)?.code, 'policy_refused')
  } finally {
    await client.close()
    await door.close()
  }
})
