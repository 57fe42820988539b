import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation } from '@credence/model'
import { getRequestListener } from '@hono/node-server'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { z } from 'zod'
import { createGuard } from '../guard.ts'
import { doorContract, listen } from '../testing/door-contract.ts'
import { DOMAIN, ISSUER, proofBy, RESOURCE, testPipelineDeps, testTokens } from '../testing/world.ts'
import { staticKeys } from '../token/key-source.ts'
import { guardExpress } from './express.ts'
import { guardFastify } from './fastify.ts'
import { type CredenceEnv, guardHono } from './hono.ts'
import { guardMcp } from './mcp.ts'
import { guardHttp } from './node-http.ts'

const body = JSON.stringify({ path: '/a' })

const decidedBody = (operation: Operation | undefined): unknown =>
  ((operation?.arguments ?? {}) as { body?: unknown }).body

doorContract('node:http', {
  body,
  start: (guard, ran) =>
    listen(
      guardHttp(guard, (request, response) => {
        ran(request.credence.operation)
        assert.equal(Buffer.from(request.body).toString(), body)
        response.end('{"ran":true}')
      }),
    ),
})

doorContract('Express', {
  body,
  start: (guard, ran) => {
    const app = express()
    app.use(guardExpress(guard))
    app.post('/mcp/files', (request, response) => {
      ran(request.credence?.operation)
      assert.deepEqual(request.body, JSON.parse(body))
      response.json({ ran: true })
    })
    return listen(app)
  },
})

doorContract('Express with its own parser', {
  body,
  lenient: true,
  start: (guard, ran) => {
    const app = express()
    app.use(express.json(), guardExpress(guard))
    app.post('/mcp/files', (request, response) => {
      ran(request.credence?.operation)
      assert.deepEqual(request.body, decidedBody(request.credence?.operation))
      response.json({ ran: true })
    })
    return listen(app)
  },
})

doorContract('Fastify with its own parser', {
  body,
  lenient: true,
  start: async (guard, ran) => {
    const app = fastify()
    await app.register(guardFastify, { guard })
    app.post('/mcp/files', async (request) => {
      ran(request.credence?.operation)
      assert.deepEqual(request.body, decidedBody(request.credence?.operation))
      return { ran: true }
    })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: () => app.close() }
  },
})

doorContract('Hono', {
  body,
  start: (guard, ran) => {
    const app = new Hono<CredenceEnv>()
    app.use(guardHono(guard))
    app.post('/mcp/files', async (context) => {
      ran(context.get('credence').operation)
      assert.deepEqual(await context.req.json(), JSON.parse(body))
      return context.json({ ran: true })
    })
    return listen(getRequestListener(app.fetch))
  },
})

const mcpServer = (ran: (operation: never) => void) =>
  createMcpHandler(() => {
    const server = new McpServer({ name: 'files', version: '1.0.0' })
    server.registerTool('read', { inputSchema: z.object({ path: z.string() }) }, ({ path }, context) => {
      const { credence } = (context.http?.authInfo?.extra ?? {}) as { credence: { operation: never } }
      assert.equal(context.http?.authInfo?.token, '')
      ran(credence.operation)
      return { content: [{ type: 'text', text: path }] }
    })
    return server
  })

const call = { name: 'read', arguments: { path: '/a' } }
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

doorContract('MCP server SDK, 2026-07-28', {
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...call, _meta: meta } }),
  headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read' },
  start: (guard, ran) => listen(getRequestListener(guardMcp(guard, mcpServer(ran)).fetch)),
})

doorContract('MCP server SDK, 2025-11-25', {
  body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call }),
  headers: { 'mcp-protocol-version': '2025-11-25' },
  start: (guard, ran) => listen(getRequestListener(guardMcp(guard, mcpServer(ran)).fetch)),
})

test('Express without a parser: a body that is no JSON reaches the handler as its bytes', async () => {
  const deps = testPipelineDeps()
  const { clock, client, issuer, once } = testTokens()
  const keys = staticKeys({ [issuer.kid]: issuer.keys.publicKey })
  const guard = createGuard({
    ...deps,
    clock,
    once,
    resource: RESOURCE,
    issuers: [{ issuer: ISSUER, keys, domain: DOMAIN }],
  })
  clock.advance(6000)
  const app = express()
  app.use(guardExpress(guard))
  app.put('/mcp/files', (request, response) => void response.end(request.body))
  const door = await listen(app)
  const token = issuer.token()
  const dpop = proofBy(client, clock.now, { token, method: 'PUT' })
  const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'text/plain' }
  const response = await fetch(`${door.origin}/mcp/files`, { method: 'PUT', headers, body: 'plain words' })
  assert.equal(await response.text(), 'plain words')
  assert.equal(response.status, 200)
  await door.close()
})
