/**
 * Between a client that knows nothing of authorization and a guarded server: passes each request on as it came and adds
 * a token and a proof. What it adds is the agent SDK's own `fetch`; nothing else of a message is touched.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { AuthorizedFetch } from '@credence/agent'
import { request as undiciRequest } from 'undici'

const HOP_BY_HOP = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'host'])

export interface Forwarder {
  readonly url: string
  close(): void
}

const bodyOf = async (req: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of req) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

const fieldsOf = (req: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(req.headers)
      .filter(([name]) => !HOP_BY_HOP.has(name))
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )

/**
 * A browser at this address may claim any Host. A request that does not name the forwarder goes to the gateway with the
 * Host that it claims, since whether the gateway refuses it is what is asked.
 */
const asClaimed = async (req: IncomingMessage, res: ServerResponse, target: URL, body: Buffer): Promise<void> => {
  const { authorization: _none, ...fields } = fieldsOf(req)
  const headers = { ...fields, host: req.headers.host ?? '' }
  const answer = await undiciRequest(target, { method: 'POST', headers, body })
  res.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type'] ?? 'text/plain') })
  res.end(await answer.body.text())
}

export const startForwarder = async (serverUrl: string, send: AuthorizedFetch): Promise<Forwarder> => {
  const target = new URL(serverUrl)
  let own = ''
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = await bodyOf(req)
    if (req.headers.host !== own) return await asClaimed(req, res, target, body)
    const { origin, ...fields } = fieldsOf(req)
    // The forwarder's own origin is the gateway's: both are the one local server of this set-up.
    const headers = origin === undefined || origin === `http://${own}` ? fields : { ...fields, origin }
    const method = req.method ?? 'GET'
    const answer = await send(serverUrl, { method, headers, ...(method === 'POST' ? { body } : {}) })
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' })
    if (answer.body === null) res.end()
    else Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]).pipe(res)
  }
  const server = createServer((req, res) => {
    handle(req, res).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(502)
      res.end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  own = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${own}/mcp`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
