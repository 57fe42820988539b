/**
 * An ordinary MCP server with the tools, resources and prompts that the server scenarios call by name. It knows nothing
 * of authorization and speaks both revisions.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMcpHandler, fromJsonSchema, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { askingPrompts, askingTools, sealedState } from './asking-tools.ts'

/** One red pixel, and a sound without samples. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const SILENCE = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='

type Schema = Parameters<typeof fromJsonSchema>[0]
const nothing: Schema = { type: 'object', properties: {} }
const strings = (...names: string[]): Schema => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  required: names,
})

/** Every kind of keyword that must survive the way through a list. */
const FULL_SCHEMA: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

const text = (value: string) => ({ type: 'text' as const, text: value })
const image = { type: 'image' as const, data: PIXEL, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, value: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: value },
})

const plainTools = (server: McpServer): void => {
  const answers = {
    test_simple_text: [text('This is a simple text response for testing.')],
    test_image_content: [image],
    test_audio_content: [{ type: 'audio' as const, data: SILENCE, mimeType: 'audio/wav' }],
    test_embedded_resource: [embedded('test://embedded-resource', 'text/plain', 'An embedded resource.')],
    test_multiple_content_types: [
      text('Several kinds:'),
      image,
      embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  }
  for (const [name, content] of Object.entries(answers)) {
    server.registerTool(name, { description: name, inputSchema: fromJsonSchema(nothing) }, () => ({ content }))
  }
  server.registerTool('test_error_handling', { description: 'Fails', inputSchema: fromJsonSchema(nothing) }, () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'A schema with everything', inputSchema: fromJsonSchema(FULL_SCHEMA) },
    () => ({ content: [text('ok')] }),
  )
}

/** Revision 2026-07-28: a parameter that is mirrored into a header field, and capabilities that a tool insists on. */
const modernTools = (server: McpServer): void => {
  const region = { type: 'string', 'x-mcp-header': 'Region' } as const
  const mirrored: Schema = { type: 'object', properties: { region, text: { type: 'string' } } }
  server.registerTool(
    'test_mirrored_parameter',
    { description: 'Takes a region', inputSchema: fromJsonSchema(mirrored) },
    () => ({ content: [text('ok')] }),
  )
  for (const name of ['test_streaming_elicitation', 'test_logging_tool']) {
    server.registerTool(name, { description: name, inputSchema: fromJsonSchema(nothing) }, () => ({
      content: [text('ok')],
    }))
  }
}

const progressTool = (server: McpServer): void => {
  server.registerTool(
    'test_tool_with_progress',
    { description: 'Tells how far it is', inputSchema: fromJsonSchema(nothing) },
    async (_arguments, context) => {
      const progressToken = context.mcpReq._meta?.progressToken ?? 0
      for (const progress of [0, 50, 100]) {
        await context.mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress, total: 100 },
        })
      }
      return { content: [text(String(progressToken))] }
    },
  )
}

const resources = (server: McpServer): void => {
  const about = (title: string, mimeType: string) => ({ title, description: title, mimeType })
  server.registerResource('static-text', 'test://static-text', about('Text', 'text/plain'), (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }))
  server.registerResource('static-binary', 'test://static-binary', about('Binary', 'image/png'), (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'image/png', blob: PIXEL }],
  }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  server.registerResource('template', template, about('Template', 'application/json'), (uri, { id }) => ({
    contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) }],
  }))
}

const prompts = (server: McpServer): void => {
  const say = (...contents: object[]) => ({
    messages: contents.map((content) => ({ role: 'user' as const, content: content as ReturnType<typeof text> })),
  })
  const about = (description: string, ...names: string[]) => ({
    description,
    ...(names.length === 0 ? {} : { argsSchema: fromJsonSchema<Record<string, string>>(strings(...names)) }),
  })
  server.registerPrompt('test_simple_prompt', about('Simple'), () => say(text('This is a simple prompt for testing.')))
  server.registerPrompt('test_prompt_with_arguments', about('With arguments', 'arg1', 'arg2'), ({ arg1, arg2 }) =>
    say(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    about('With a resource', 'resourceUri'),
    ({ resourceUri }) =>
      say(embedded(resourceUri ?? '', 'text/plain', 'Embedded resource content for testing.'), text('Please read it.')),
  )
  server.registerPrompt('test_prompt_with_image', about('With an image'), () => say(image, text('Please look at it.')))
}

const fixture = (): McpServer => {
  const server = new McpServer(
    { name: 'conformance-fixture', version: '1.0.0' },
    { capabilities: { completions: {} }, requestState: { verify: sealedState.verify } },
  )
  plainTools(server)
  modernTools(server)
  askingTools(server)
  askingPrompts(server)
  progressTool(server)
  resources(server)
  prompts(server)
  server.server.setRequestHandler('completion/complete', () => ({
    completion: { values: [], total: 0, hasMore: false },
  }))
  return server
}

export interface Fixture {
  readonly url: string
  close(): void
}

export const startFixture = async (): Promise<Fixture> => {
  const handler = createMcpHandler(fixture)
  const server = createServer(async (req, res) => {
    const pieces: Buffer[] = []
    for await (const piece of req) pieces.push(piece as Buffer)
    const response = await handler.fetch(
      new Request(`http://127.0.0.1${req.url}`, {
        method: req.method ?? 'GET',
        headers: req.headers as Record<string, string>,
        ...(req.method === 'POST' ? { body: Buffer.concat(pieces) } : {}),
      }),
    )
    res.writeHead(response.status, Object.fromEntries(response.headers))
    if (response.body !== null) for await (const piece of response.body) res.write(piece)
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
