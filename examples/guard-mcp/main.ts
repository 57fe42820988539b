/** An MCP server, built with the SDK, that guards each of its tool calls. */
import { appendFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import {
  createGuard,
  createJwksKeySource,
  createLogRecorder,
  createRuleDecider,
  domainOfIssuer,
  staticRevocations,
} from '@credence/guard'
import { guardMcp } from '@credence/guard/mcp'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock as clock, nodeRandom as random } from '@credence/kit/node'
import { getRequestListener } from '@hono/node-server'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const issuer = process.env.ISSUER ?? 'http://127.0.0.1:7420'
const fetch = createSafeFetch({ clock, allowPrivate: [new URL(issuer).host] })
const port = Number(process.env.PORT ?? 8080)

const guard = createGuard({
  resource: process.env.RESOURCE ?? `http://127.0.0.1:${port}/notes`,
  issuers: [{ issuer, keys: createJwksKeySource({ url: `${issuer}/jwks`, fetch, clock }) }],
  decider: createRuleDecider(({ method }) => ({ allow: method !== 'http.delete', reason: 'Nobody deletes notes.' }), {
    random,
    version: '1',
  }),
  recorder: createLogRecorder({
    domain: domainOfIssuer(issuer),
    emitter: 'guard-mcp',
    append: (line) => appendFile(process.env.RECORDS ?? 'records.jsonl', line, { flush: true }),
    onError: console.error,
    clock,
    random,
  }),
  revocations: staticRevocations('expiry-is-enough'),
})

const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('note', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text: `noted: ${text}` }],
  }))
  return server
})
const server = createServer(getRequestListener(guardMcp(guard, mcp).fetch))
server.listen(port, '127.0.0.1', () => console.log('listening', server.address()))
