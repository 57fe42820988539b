/**
 * The least that the two jobs can cost on Node: only what no implementation can leave out, and nothing else.
 * POST /token: read a form, verify two ES256 signatures (assertion and proof), sign one token, answer.
 * POST /mcp/…: verify one ES256 signature (proof), pass the body on with undici, stream the answer back.
 *
 * Nothing is checked beyond the signatures, nothing is stored, decided or recorded: it is a floor, not a server.
 * Keys are imported once. The crypto is the synchronous one of node:crypto, the fastest there is on Node.
 */
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const [jwk = '{}', upstream = 'http://127.0.0.1:9'] = process.argv.slice(2)
const client = { key: createPublicKey({ key: JSON.parse(jwk), format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
const own = { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, dsaEncoding: 'ieee-p1363' } as const
const pool = new Pool(upstream)

const mustBeGenuine = (jws: string): void => {
  const dot = jws.lastIndexOf('.')
  const signature = Buffer.from(jws.slice(dot + 1), 'base64url')
  if (!verify('sha256', Buffer.from(jws.slice(0, dot), 'latin1'), client, signature)) throw new Error('not genuine')
}

const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"floor"}').toString('base64url')

const signed = (claims: object): string => {
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${input}.${sign('sha256', Buffer.from(input, 'latin1'), own).toString('base64url')}`
}

const bodyOf = async (req: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of req) pieces.push(piece as Buffer)
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}

const proofOf = (req: IncomingMessage): string => String(req.headers.dpop)

const token = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
  const form = new URLSearchParams((await bodyOf(req)).toString('latin1'))
  mustBeGenuine(form.get('client_assertion') ?? '')
  mustBeGenuine(proofOf(req))
  const iat = Math.floor(Date.now() / 1000)
  const access = signed({ iss: 'floor', sub: 'floor', aud: form.get('resource'), iat, exp: iat + 300 })
  res.writeHead(200, { 'content-type': 'application/json' })
  res.end(JSON.stringify({ access_token: access, token_type: 'DPoP', expires_in: 300 }))
}

const call = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
  const body = await bodyOf(req)
  mustBeGenuine(proofOf(req))
  pool.dispatch(
    { path: '/mcp', method: 'POST', headers: { 'content-type': 'application/json' }, body },
    {
      onRequestStart: () => {},
      onResponseStart: (_controller, status, headers) => {
        res.writeHead(status, { 'content-type': String(headers['content-type']) })
      },
      onResponseData: (_controller, piece) => void res.write(piece),
      onResponseEnd: () => void res.end(),
      onResponseError: () => void res.destroy(),
    },
  )
}

const server = createServer((req, res) => {
  const done = req.url === '/token' ? token(req, res) : call(req, res)
  done.catch(() => res.destroy())
})
server.listen(0, '127.0.0.1', () => process.send?.({ ready: { port: (server.address() as AddressInfo).port } }))
