/** An ordinary MCP server over HTTP, of every revision that the official library speaks. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

export interface Served {
  readonly url: string
  readonly seen: { readonly headers: IncomingMessage['headers']; readonly body: string }[]
  /** Requests whose connection the client closed before an answer. */
  readonly dropped: string[]
  close(): void
}

type Listener = (body: string, req: IncomingMessage, res: ServerResponse) => void | Promise<void>

export const serve = async (listener: Listener): Promise<Served> => {
  const seen: Served['seen'] = []
  const dropped: string[] = []
  const server = createServer(async (req, res) => {
    const body = (await buffer(req)).toString()
    seen.push({ headers: req.headers, body })
    res.once('close', () => {
      if (!res.writableFinished) dropped.push(body)
    })
    await listener(body, req, res)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen,
    dropped,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const createTools = () => {
  const server = new McpServer({ name: 'tools', version: '1.0.0' })
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  server.registerTool('echo', { description: 'Says it back', inputSchema: z.object({ text: z.string() }) }, (given) =>
    text(given.text),
  )
  server.registerTool('slow', { description: 'Takes long', inputSchema: z.object({}) }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 30_000).unref())
    return text('late')
  })
  return server
}

/** The library's own server behind plain HTTP. */
export const serveTools = (): Promise<Served> => {
  const handler = createMcpHandler(createTools)
  return serve(async (body, req, res) => {
    const response = await handler.fetch(
      new Request(`http://127.0.0.1${req.url}`, {
        method: req.method ?? 'GET',
        headers: Object.entries(req.headers).flatMap(([name, value]): [string, string][] =>
          typeof value === 'string' ? [[name, value]] : [],
        ),
        ...(req.method === 'POST' ? { body } : {}),
      }),
    )
    res.writeHead(response.status, Object.fromEntries(response.headers))
    if (response.body) for await (const piece of response.body) res.write(piece)
    res.end()
  })
}
