/** The least MCP server over HTTP: one tool, one answer, both revisions. It costs nothing worth measuring. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerTo } from './echo.ts'

const server = createServer((req, res) => {
  const pieces: Buffer[] = []
  req.on('data', (piece: Buffer) => pieces.push(piece))
  req.on('end', () => {
    const answer = answerTo(Buffer.concat(pieces).toString('utf8'))
    if (answer === undefined) {
      res.writeHead(202).end()
      return
    }
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
    res.end(answer)
  })
})
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => process.send?.({ ready: { port: (server.address() as AddressInfo).port } }))
