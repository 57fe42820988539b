/** Connections that are kept, and a certificate of our own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { handClock } from '../testing/hand-clock.ts'
import { createSafeFetch, type Lookup } from './safe-fetch.ts'

const counted = async (context: TestContext) => {
  let connections = 0
  const server: Server = createServer((request, response) => {
    if (request.url === '/slow') return
    if (request.url === '/long') return void response.end('x'.repeat(10_000))
    response.end('ok')
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://allowed.test:${port}`, connections: () => connections }
}

test('kept connections are used again; a name is resolved again after a minute, and checked again', async (context) => {
  const { url, connections } = await counted(context)
  const clock = handClock()
  let asked = 0
  let addresses: Awaited<ReturnType<Lookup>> = [{ address: '127.0.0.1', family: 4 }]
  const lookup: Lookup = async () => {
    asked += 1
    return addresses
  }
  const fetch = createSafeFetch({ clock, lookup, allowPrivate: [new URL(url).host], keepConnections: 4 })
  context.after(() => fetch.close())
  for (let at = 0; at < 10; at++) assert.equal((await fetch(`${url}/`)).status, 200)
  assert.ok(connections() <= 4 && asked === 1)
  await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/`)))
  assert.ok(connections() <= 4)
  clock.advance(60_000)
  addresses = []
  await assert.rejects(fetch(`${url}/`), { code: 'fetch_failed' })
  addresses = [{ address: '127.0.0.1', family: 4 }]
  assert.equal((await fetch(`${url}/`)).status, 200)
  assert.equal(asked, 3)
})

test('what is late or too long costs its own connection and no other request', async (context) => {
  const { url } = await counted(context)
  const fetch = createSafeFetch({
    clock: handClock(),
    lookup: async () => [{ address: '127.0.0.1', family: 4 }],
    allowPrivate: [new URL(url).host],
    keepConnections: 2,
  })
  context.after(() => fetch.close())
  const slow = Array.from({ length: 2 }, () => assert.rejects(fetch(`${url}/slow`, { timeoutMs: 100 })))
  await Promise.all(slow)
  await assert.rejects(fetch(`${url}/long`, { maxBytes: 100 }), { code: 'fetch_too_long' })
  for (let at = 0; at < 5; at++) assert.equal((await fetch(`${url}/`)).status, 200)
  await fetch.close()
  await assert.rejects(fetch(`${url}/`))
})

test('a private address that a name has from now on is not connected to', async (context) => {
  const clock = handClock()
  let address = '8.8.8.8'
  const lookup: Lookup = async () => [{ address, family: 4 }]
  const fetch = createSafeFetch({ clock, lookup, keepConnections: 1 })
  context.after(() => fetch.close())
  await assert.rejects(fetch('https://public.example/', { timeoutMs: 50 }), { code: 'fetch_failed' })
  clock.advance(60_000)
  address = '127.0.0.1'
  await assert.rejects(fetch('https://public.example/'), { code: 'fetch_address_forbidden' })
})

test('a server that asks for a certificate gets ours', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-kit-'))
  context.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = (name: string) => join(dir, name)
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      file('key'),
      '-out',
      file('cert'),
      '-subj',
      '/CN=allowed.test',
      '-addext',
      'subjectAltName=DNS:allowed.test',
      '-days',
      '2',
    ],
    { stdio: 'ignore' },
  )
  const own = { cert: readFileSync(file('cert'), 'utf8'), key: readFileSync(file('key'), 'utf8') }
  const server = createTlsServer(
    { ...own, ca: own.cert, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      response.end(String((request.socket as TLSSocket).authorized))
    },
  )
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const common = {
    clock: handClock(),
    lookup: (async () => [{ address: '127.0.0.1', family: 4 }]) as Lookup,
    allowPrivate: ['allowed.test'],
    ca: [own.cert],
  }
  for (const [more, said] of [
    [{ certificate: own }, 'true'],
    [{ certificate: own, keepConnections: 2 }, 'true'],
    [{}, 'false'],
  ] as const) {
    const fetch = createSafeFetch({ ...common, ...more })
    const { bytes } = await fetch(`https://allowed.test:${port}/`)
    assert.equal(Buffer.from(bytes).toString(), said)
    await fetch.close()
  }
})
