// An ordinary MCP server over HTTP that knows nothing of authorization; it notes every header it is sent.
import { createServer } from 'node:http'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const seen = []
const factory = () => {
  const server = new McpServer({ name: 'fixture', version: '1.0.0' })
  server.registerTool(
    'echo',
    { description: 'Says it back', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => ({
      content: [{ type: 'text', text: `echo: ${text}` }],
    }),
  )
  server.registerTool('fail', { description: 'Fails', inputSchema: z.object({}) }, () => ({
    isError: true,
    content: [{ type: 'text', text: 'no' }],
  }))
  server.registerTool('secret', { description: 'Not for everybody', inputSchema: z.object({}) }, () => ({
    content: [{ type: 'text', text: 'secret' }],
  }))
  return server
}
const handler = createMcpHandler(factory)
const server = createServer(async (req, res) => {
  if (req.url === '/seen') return res.end(JSON.stringify(seen))
  seen.push(req.headers)
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  const response = await handler.fetch(
    new Request(`http://127.0.0.1${req.url}`, {
      method: req.method,
      headers: req.headers,
      body: req.method === 'POST' ? Buffer.concat(chunks) : undefined,
    }),
  )
  res.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'set-cookie': 'evil=1',
    'x-internal': 'leak',
  })
  if (response.body) for await (const chunk of response.body) res.write(chunk)
  res.end()
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
