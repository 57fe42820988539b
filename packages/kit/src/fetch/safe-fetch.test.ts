import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { handClock } from '../testing/hand-clock.ts'
import { isPublicAddress } from './public-address.ts'
import { createSafeFetch, type Lookup, type SafeFetchOptions } from './safe-fetch.ts'

const LOOPBACK = [{ address: '127.0.0.1', family: 4 }] as const
const toLoopback: Lookup = async () => LOOPBACK
const safe = (options: Partial<SafeFetchOptions> = {}) =>
  createSafeFetch({ clock: handClock(), lookup: toLoopback, allowPrivate: ['allowed.test', '127.0.0.1'], ...options })

const serve = async (context: TestContext, listener: RequestListener): Promise<{ port: number; url: string }> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://allowed.test:${port}/` }
}

describe('addresses that are not public', () => {
  const private_ =
    '0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 fc00::1 fd12::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1 localhost 1.2.3 0x7f.1'.split(
      ' ',
    )
  for (const address of private_) test(address, () => assert.equal(isPublicAddress(address), false))
  const public_ = ['8.8.8.8', '100.128.0.1', '172.32.0.1', '1.1.1.1', '2606:4700::1111', '2a00:1450::1']
  for (const address of public_) test(`public: ${address}`, () => assert.equal(isPublicAddress(address), true))
})

describe('URLs that are not asked', () => {
  const urls =
    'http://example.com/ ftp://example.com/ file:///etc/passwd gopher://example.com/ data:text/plain,x javascript:alert(1) https://localhost/ https://intranet/ https://a.internal/ https://a.local/ https://example.com./ https://user:pw@example.com/ https://@example.com/ https://good.com@example.com/ https://example.com:8443/ https://example.com:80/ https://127.0.0.2/ https://0177.0.0.1/ https://0x7f000001/ https://2130706433/ https://127.1/ https://0/ https://[::1]/ https://[::ffff:7f00:1]/ https://[::ffff:127.0.0.1]/ https://[64:ff9b::7f00:1]/ https://169.254.169.254/latest https://example.com/#x https://example.com\\@evil.com/ https://exa%6dple.localhost/ //example.com/ example.com https:// http://allowed.test.evil.com/ https://xallowed.test:1/'.split(
      ' ',
    )
  for (const url of [
    ...urls,
    'https://example.com/\n',
    ' https://example.com/',
    `https://example.com/${'x'.repeat(3_000)}`,
  ]) {
    test(url.slice(0, 60), async () => {
      let asked = 0
      const lookup: Lookup = async () => {
        asked += 1
        return LOOPBACK
      }
      await assert.rejects(safe({ lookup })(url), { kind: 'refused', code: /^fetch_/ })
      assert.equal(asked, 0, 'nothing is resolved')
    })
  }
})

test('a public name with any private address is not asked', async () => {
  for (const address of ['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254']) {
    const lookup: Lookup = async () => [
      { address: '8.8.8.8', family: 4 },
      { address, family: address.includes(':') ? 6 : 4 },
    ]
    await assert.rejects(safe({ lookup })('https://example.com/'), { kind: 'refused', code: 'fetch_address_forbidden' })
  }
})

test('DNS rebinding: the name is resolved once and the connection goes where it was checked', async (context) => {
  const { url, port } = await serve(context, (req, res) => res.end(req.headers.host))
  let asked = 0
  const lookup: Lookup = async () => {
    asked += 1
    return asked === 1 ? LOOPBACK : [{ address: '127.9.9.9', family: 4 }]
  }
  const { status, bytes } = await safe({ lookup })(url)
  assert.equal(status, 200)
  assert.equal(Buffer.from(bytes).toString(), `allowed.test:${port}`)
  assert.equal(asked, 1)
})

test('redirects: none by default, each target checked, credentials stay at home', async (context) => {
  const seen: (string | undefined)[] = []
  const other = await serve(context, (req, res) => {
    seen.push(req.headers.authorization)
    res.end('other')
  })
  const { url } = await serve(context, (req, res) => {
    const to: Record<string, string> = { '/private': 'https://10.0.0.1/', '/loop': '/loop', '/other': other.url }
    res.writeHead(302, { location: to[req.url ?? ''] ?? '/other' }).end()
  })
  await assert.rejects(safe()(url), { code: 'fetch_redirect' })
  await assert.rejects(safe()(`${url}private`, { redirects: 3 }), { code: 'fetch_address_forbidden' })
  await assert.rejects(safe()(`${url}loop`, { redirects: 3 }), { code: 'fetch_redirect' })
  await assert.rejects(safe()(url, { method: 'POST', body: 'x', redirects: 3 }), { code: 'fetch_redirect' })
  const response = await safe()(`${url}other`, { redirects: 1, headers: { Authorization: 'secret' } })
  assert.equal(Buffer.from(response.bytes).toString(), 'other')
  assert.deepEqual(seen, [undefined])
})

describe('answers are bounded', () => {
  test('size, announced and not', async (context) => {
    const { url } = await serve(context, (req, res) => {
      if (req.url === '/announced') return void res.end(Buffer.alloc(5_000))
      const write = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(1_000)));
        if (!res.destroyed) res.once('drain', write)
      }
      write()
    })
    await assert.rejects(safe()(`${url}announced`, { maxBytes: 4_999 }), { code: 'fetch_too_long' })
    await assert.rejects(safe()(url, { maxBytes: 10_000 }), { code: 'fetch_too_long' })
  })

  test('a bomb of gzip, a broken one, an unknown coding', async (context) => {
    const { url } = await serve(context, (req, res) => {
      if (req.url === '/good') res.setHeader('content-encoding', 'gzip').end(gzipSync('hello'))
      else if (req.url === '/broken') res.setHeader('content-encoding', 'gzip').end('hello')
      else if (req.url === '/unknown') res.setHeader('content-encoding', 'gzip, gzip').end(gzipSync('hello'))
      else res.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(20_000_000)))
    })
    assert.equal(Buffer.from((await safe()(`${url}good`)).bytes).toString(), 'hello')
    await assert.rejects(safe()(url), { code: 'fetch_too_long' })
    await assert.rejects(safe()(`${url}broken`), { code: 'fetch_coding' })
    await assert.rejects(safe()(`${url}unknown`), { code: 'fetch_coding' })
  })

  test('time: one byte now and then, no answer at all, a resolver that never answers', async (context) => {
    const { url } = await serve(context, (req, res) => {
      if (req.url === '/never') return
      const drip = setInterval(() => res.write('x'), 20)
      res.once('close', () => clearInterval(drip))
    })
    for (const path of ['', 'never']) {
      await assert.rejects(safe()(`${url}${path}`, { timeoutMs: 150 }), { kind: 'unavailable', code: 'fetch_failed' })
    }
    const stuck: Lookup = () => new Promise(() => {})
    await assert.rejects(safe({ lookup: stuck })(url, { timeoutMs: 50 }), { code: 'fetch_failed' })
  })

  test('rate for one host and in total', async (context) => {
    const { url, port } = await serve(context, (_req, res) => res.end())
    const clock = handClock()
    const fetch = safe({ clock, perHostPerMinute: 2, totalPerMinute: 3 })
    await fetch(url)
    await fetch(url)
    await assert.rejects(fetch(url), { kind: 'unavailable', code: 'fetch_rate' })
    await fetch(`http://127.0.0.1:${port}/`)
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), { code: 'fetch_rate' })
    clock.advance(60_000)
    await fetch(url)
  })

  test('content type, and header fields that are not the caller’s', async (context) => {
    const { url } = await serve(context, (_req, res) =>
      res.setHeader('content-type', 'text/html; charset=x').end('<p>'),
    )
    await assert.rejects(safe()(url, { contentTypes: ['application/json'] }), { code: 'fetch_content_type' })
    assert.equal((await safe()(url, { contentTypes: ['text/html'] })).status, 200)
    await assert.rejects(safe()(url, { headers: { Host: 'evil' } }), TypeError)
    await assert.rejects(safe()(url, { headers: { 'x-a': 'a\r\nb: c' } }))
  })
})

test('what is not HTTP, or is not there, is unavailable', async (context) => {
  const server = createTcpServer((socket) => void socket.end('SSH-2.0-x\r\n'))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const url of [`http://allowed.test:${port}/`, `https://allowed.test:${port}/`, 'http://allowed.test:1/']) {
    await assert.rejects(safe()(url), { kind: 'unavailable', code: 'fetch_failed' })
  }
})

test('closing ends what is running, and nothing is asked afterwards', async (context) => {
  const { url } = await serve(context, () => {})
  const fetch = safe()
  const running = fetch(url)
  setTimeout(() => void fetch.close(), 30)
  await assert.rejects(running, { code: 'fetch_failed' })
  await assert.rejects(fetch(url), { code: 'fetch_failed' })
})
