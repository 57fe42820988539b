import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { refused, unavailable } from '../errors.ts'
import { createLogger } from '../telemetry/log.ts'
import { handClock } from '../testing/hand-clock.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { createHttpServer, type EdgeRequest, HANDLED, type HttpServerOptions, type Route, replyJson } from './index.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const route = (path: string, handler: Route['handler'], more: Partial<Route> = {}): Route => ({
  method: 'GET',
  path,
  name: `${more.method ?? 'GET'} ${path}`,
  access: 'public',
  consequential: false,
  handler,
  ...more,
})

const start = async (context: TestContext, routes: Route[], options: Partial<HttpServerOptions> = {}) => {
  const lines: string[] = []
  const log = createLogger({ clock: handClock(), write: (line) => void lines.push(line) })
  const server = createHttpServer({ routes, log, clock: handClock(), random: seededRandom('x'), ...options })
  const { port } = await server.listen(0, '127.0.0.1')
  context.after(() => server.close(0))
  const call = (
    path: string,
    init: { method?: string; headers?: Record<string, string | string[]>; body?: string | Buffer } = {},
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const { method = 'GET', headers = {}, body } = init
      const req = request({ port, path, method, headers, agent: false, setHost: headers.host === undefined }, (res) => {
        let text = ''
        res.on('data', (chunk) => {
          text += chunk
        })
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }))
        res.on('error', reject)
      })
      req.on('error', reject)
      req.end(body)
    })
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', () => {})
      setTimeout(() => socket.destroy(), 1_500).unref()
    })
  return { server, port, call, raw, lines }
}

describe('routing', () => {
  const routes = [
    route('/', () => replyJson('root')),
    route('/v1/agents', () => replyJson('list')),
    route('/v1/agents', () => replyJson('made', { status: 201 }), { method: 'POST' }),
    route('/v1/agents/:id', (r) => replyJson({ id: r.params.id })),
    route('/v1/agents/:id/:verb', (r) => replyJson(r.params), { method: 'POST' }),
    route('/v1/agents/me', () => replyJson('me')),
  ]
  test('exact, parameters, literal before parameter, HEAD, OPTIONS, 405, 404', async (context) => {
    const { call } = await start(context, routes)
    assert.equal((await call('/')).text, '"root"')
    assert.equal((await call('/v1/agents/me')).text, '"me"')
    assert.equal((await call('/v1/agents/a%20b%2Fc')).text, '{"id":"a b/c"}')
    assert.equal((await call('/v1/agents/x/stop', { method: 'POST' })).text, '{"id":"x","verb":"stop"}')
    const head = await call('/v1/agents', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '6'])
    const options = await call('/v1/agents', { method: 'OPTIONS' })
    assert.deepEqual([options.status, options.headers.allow], [204, 'GET, HEAD, OPTIONS, POST'])
    const wrong = await call('/v1/agents', { method: 'DELETE' })
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'GET, HEAD, OPTIONS, POST'])
    for (const path of [
      '/nothing',
      '/v1/agents/',
      '//',
      '/v1//agents',
      '/v1/agents/a/b/c',
      '/V1/agents',
      '/%761/agents',
    ]) {
      assert.equal((await call(path)).status, 404, path)
    }
    for (const path of ['/v1/agents/%ff', '/v1/agents/%', '/v1/agents/%00'])
      assert.equal((await call(path)).status, 400, path)
  })

  test('a table with two routes for one place, or one name, is our own mistake', () => {
    const options = { log: createLogger({ clock: handClock() }), clock: handClock(), random: seededRandom('x') }
    const make = (table: Route[]) => () => createHttpServer({ routes: table, ...options })
    const one = route('/a', () => replyJson(1))
    assert.throws(make([one, { ...one, name: 'other' }]), /Two routes for/)
    assert.throws(make([one, { ...one, path: '/b' }]), /Two routes are named/)
    assert.throws(make([{ ...one, path: 'a' }]), /Not a path/)
    assert.throws(
      make([
        { ...one, path: '/a/:x' },
        { ...one, path: '/a/:y', name: 'y' },
      ]),
      /Two names/,
    )
  })

  test('a mounted handler gets its prefixes and nothing ambiguous', async (context) => {
    const seen: (string | undefined)[] = []
    const mount = {
      name: 'foreign',
      prefixes: ['/authorize'],
      handler: (req: { url?: string }, res: { end(text: string): void }) => {
        seen.push(req.url)
        res.end('foreign')
      },
    }
    const { call } = await start(context, routes, { mounts: [mount as never] })
    assert.equal((await call('/authorize?x=1')).text, 'foreign')
    assert.equal((await call('/authorize/abc')).text, 'foreign')
    for (const path of [
      '/authorized',
      '/authorize/../token',
      '/authorize//x',
      '/authorize/%2e%2e',
      '/authorize/a;b',
      '/authorize/.',
    ]) {
      assert.equal((await call(path)).status, 404, path)
    }
    assert.deepEqual(seen, ['/authorize?x=1', '/authorize/abc'])
  })
})

describe('bodies', () => {
  const echo = (read: (r: EdgeRequest) => Promise<unknown>, more: Partial<Route> = {}) =>
    route('/', async (r) => replyJson(await read(r)), { method: 'POST', ...more })
  const form = 'application/x-www-form-urlencoded'
  const post = (type: string, body: string | Buffer, headers = {}) => ({
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body,
  })

  test('JSON is strict, typed and bounded', async (context) => {
    const { call } = await start(context, [echo((r) => r.json(), { maxBody: 50 })])
    assert.equal((await call('/', post('application/json; charset=utf-8', '{"a":1}'))).text, '{"a":1}')
    assert.equal((await call('/', post('application/json', '{"a":1,"a":1}'))).status, 400)
    for (const type of ['text/plain', '', 'application/json; charset=utf-16', 'application/json, text/plain']) {
      assert.equal((await call('/', post(type, '{}'))).status, 415, type)
    }
    assert.equal((await call('/', post('application/json', '{}', { 'content-encoding': 'gzip' }))).status, 415)
    assert.equal((await call('/', post('application/json', `"${'x'.repeat(60)}"`))).status, 413)
    const chunked = { 'transfer-encoding': 'chunked' }
    assert.equal((await call('/', post('application/json', `"${'x'.repeat(60)}"`, chunked))).status, 413)
  })

  test('forms are strict UTF-8 and repetition is refused unless allowed', async (context) => {
    const { call } = await start(context, [echo(async (r) => (await r.form({ repeatable: ['resource'] })).names())])
    assert.equal((await call('/', post(form, 'a=1&resource=x&resource=y&b'))).text, '["a","resource","b"]')
    for (const body of ['a=1&a=2', 'a=1&%61=2', 'a=%ff', 'a=%', 'a=%00', Buffer.from([0x61, 0x3d, 0xff])]) {
      const answer = await call('/', post(form, body))
      assert.equal(answer.status, 400, String(body))
      assert.equal(JSON.parse(answer.text).error, 'invalid_request')
    }
    assert.equal((await call('/', post(form, Array.from({ length: 300 }, (_, at) => `p${at}=`).join('&')))).status, 400)
  })

  test('a body that is cut off is refused, one that nobody reads ends the connection', async (context) => {
    const { raw } = await start(context, [
      echo((r) => r.json()),
      route('/deaf', () => replyJson(1), { method: 'POST' }),
    ])
    const answer = await raw('POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc')
    assert.match(answer, /^HTTP\/1.1 200 [\s\S]*connection: close/i)
  })
})

describe('requests that are not well formed', () => {
  const body = 'POST / HTTP/1.1\r\nHost: x\r\n'
  const bad: Record<string, string> = {
    'length and chunks': `${body}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'two lengths': `${body}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    'folded field': `${body}X-A: a\r\n b\r\n\r\n`,
    'bare line feed': 'GET / HTTP/1.1\nHost: x\n\n',
    'space before colon': `${body}X-A : a\r\n\r\n`,
    'no host': 'GET / HTTP/1.1\r\n\r\n',
    'two hosts': 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    'absolute form': 'GET http://evil/ HTTP/1.1\r\nHost: x\r\n\r\n',
    'unknown method': 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n',
    'not HTTP': 'hello\r\n\r\n',
    fragment: 'GET /#a HTTP/1.1\r\nHost: x\r\n\r\n',
    'many fields': `GET / HTTP/1.1\r\nHost: x\r\n${'X-A: 1\r\n'.repeat(150)}\r\n`,
    'long fields': `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
  }
  for (const [name, text] of Object.entries(bad)) {
    test(name, async (context) => {
      let handled = 0
      const count = () => {
        handled += 1
        return replyJson(1)
      }
      const { raw } = await start(context, [route('/', count), route('/', count, { method: 'POST' })])
      const answer = await raw(text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      assert.match(answer, /^HTTP\/1.1 4\d\d /)
      assert.equal(handled, 0)
    })
  }

  test('who sends header fields too slowly is cut off', async (context) => {
    const { raw } = await start(context, [route('/', () => replyJson(1))], { limits: { headersTimeout: 300 } })
    assert.match(await raw('GET / HTTP/1.1\r\nHost: x\r\nX-'), /^HTTP\/1.1 408 /)
  })
})

test('a repeated header or parameter is seen and refused', async (context) => {
  const { call } = await start(context, [
    route('/', (r) =>
      replyJson({ proofs: r.headers.all('DPoP'), one: r.headers.get('dpop') ?? null, q: r.query.get('q') ?? null }),
    ),
  ])
  assert.equal((await call('/?q=a+b%C3%A4')).text, '{"proofs":[],"one":null,"q":"a bä"}')
  assert.equal((await call('/', { headers: { dpop: ['a', 'b'] } })).status, 400)
  assert.equal((await call('/?q=1&q=2')).status, 400)
  assert.equal((await call('/?q=%ff')).status, 400)
})

describe('errors', () => {
  const detail = 'canary-detail'
  const fail = (r: EdgeRequest): never => {
    const kind = r.query.get('kind')
    if (kind === 'refused') {
      const headers = { 'www-authenticate': 'DPoP error="invalid_token"' }
      throw refused('grant_revoked', 'The "grant" was revoked.', {
        status: 401,
        standard: 'invalid_grant',
        detail,
        headers,
      })
    }
    if (kind === 'unavailable') throw unavailable('ledger_down', 'Try again later.', { detail })
    if (kind === 'header') throw refused('x', 'x', { headers: { 'x-a': 'a\r\nb' } })
    throw new TypeError(detail)
  }
  const all = [
    route('/p', fail),
    route('/o', fail, { errors: 'oauth' }),
    route('/h', fail, { errors: 'html' }),
    route('/t', fail, { errors: 'text' }),
  ]

  test('each in the form of its route, without detail or stack', async (context) => {
    const { call, lines } = await start(context, all)
    const problem = await call('/p?kind=refused')
    assert.equal(problem.headers['content-type'], 'application/problem+json')
    assert.equal(problem.headers['www-authenticate'], 'DPoP error="invalid_token"')
    assert.equal(JSON.parse(problem.text).code, 'grant_revoked')
    const oauth = await call('/o?kind=refused')
    assert.deepEqual(JSON.parse(oauth.text), { error: 'invalid_grant', error_description: "The 'grant' was revoked." })
    const words = await call('/t?kind=refused')
    assert.deepEqual([words.status, words.text], [401, 'The "grant" was revoked.'])
    assert.equal(words.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(words.headers['www-authenticate'], 'DPoP error="invalid_token"')
    const page = await call('/h?kind=refused')
    assert.match(String(page.headers['content-security-policy']), /frame-ancestors 'none'/)
    assert.match(page.text, /The &quot;grant&quot; was revoked/)
    assert.equal((await call('/p?kind=unavailable')).status, 503)
    for (const path of ['/p', '/o', '/h', '/t', '/p?kind=header']) {
      const answer = await call(path)
      assert.equal(answer.status, 500, path)
      assert.ok(!/canary|TypeError|node:|\.ts/.test(answer.text + JSON.stringify(answer.headers)), answer.text)
    }
    assert.ok(
      lines.some((line) => line.includes('canary-detail')),
      'the operator sees the detail',
    )
  })

  test('the name that a request was given is on its answer, whatever the answer is', async (context) => {
    const { call } = await start(context, [...all, route('/good', () => replyJson(1))])
    const name = 'bfe9eb29 "x"; <y>'
    for (const path of ['/good', '/p?kind=refused', '/o', '/nothing'])
      assert.equal((await call(path, { headers: { 'x-request-id': name } })).headers['x-request-id'], name, path)
    for (const method of ['PUT', 'OPTIONS', 'HEAD'])
      assert.equal((await call('/good', { method, headers: { 'X-Request-ID': 'a' } })).headers['x-request-id'], 'a')
    assert.equal((await call('/good')).headers['x-request-id'], undefined)
    assert.equal((await call('/good', { headers: { 'x-request-id': '' } })).headers['x-request-id'], undefined)
  })

  test('what a cache may keep is kept for one name of a request alone', async (context) => {
    const cached = route('/cached', () => replyJson(1, { headers: { 'Cache-Control': 'public, max-age=300' } }))
    const { call } = await start(context, [cached, route('/plain', () => replyJson(1))])
    assert.equal((await call('/cached', { headers: { 'x-request-id': 'a' } })).headers.vary, 'x-request-id')
    assert.equal((await call('/cached')).headers.vary, 'x-request-id')
    assert.equal((await call('/plain', { headers: { 'x-request-id': 'a' } })).headers.vary, undefined)
  })

  test('defaults of every answer', async (context) => {
    const { call } = await start(context, all)
    const { headers } = await call('/nothing')
    assert.deepEqual(
      [headers['x-content-type-options'], headers['cache-control'], headers['x-powered-by']],
      ['nosniff', 'no-store', undefined],
    )
  })
})

test('streams: whole, cut off on error, aborted when the caller leaves', async (context) => {
  let left: AbortSignal | undefined
  const good = async function* () {
    yield 'a'
    yield Buffer.from('b')
  }
  const broken = async function* () {
    yield 'a'
    throw new Error('upstream')
  }
  const { call, port } = await start(context, [
    route('/good', () => ({ status: 200, body: good() })),
    route('/broken', () => ({ status: 200, body: broken() })),
    route('/raw', (r) => {
      r.raw.res.end('raw')
      return HANDLED
    }),
    route('/wait', async (r) => {
      left = r.signal
      await new Promise((resolve) => r.signal.addEventListener('abort', resolve))
      return replyJson(1)
    }),
  ])
  assert.equal((await call('/good')).text, 'ab')
  assert.equal((await call('/raw')).text, 'raw')
  await assert.rejects(call('/broken'))
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'))
  while (left === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  socket.destroy()
  while (!left.aborted) await new Promise((resolve) => setTimeout(resolve, 5))
})

describe('the address of the caller', () => {
  const who = [route('/', (r) => replyJson([r.client.address, r.client.secure]))]
  const forged = { 'x-forwarded-for': '6.6.6.6, 1.2.3.4, 10.0.0.9', 'x-forwarded-proto': 'https' }
  const ask = async (context: TestContext, trustedProxies: string[], headers: Record<string, string>) =>
    JSON.parse((await (await start(context, who, { trustedProxies })).call('/', { headers })).text)

  test('fields of strangers change nothing', async (context) => {
    assert.deepEqual(await ask(context, [], forged), ['127.0.0.1', false])
    assert.deepEqual(await ask(context, ['10.0.0.0/8'], forged), ['127.0.0.1', false])
  })
  test('trusted ones are read from the right', async (context) => {
    assert.deepEqual(await ask(context, ['127.0.0.1', '10.0.0.0/8'], forged), ['1.2.3.4', true])
    assert.deepEqual(await ask(context, ['127.0.0.1'], { 'x-forwarded-for': '1.2.3.4, nonsense' }), [
      '127.0.0.1',
      false,
    ])
    assert.throws(() => createHttpServer({ routes: [], trustedProxies: ['proxy.test'] } as never), /Not an address/)
  })
})

test('closing waits for running requests, then cuts, and reports what was served', async (context) => {
  const served: string[] = []
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const { promise: both, resolve: arrived } = Promise.withResolvers<void>()
  let running = 0
  const arrive = (): void => {
    running += 1
    if (running === 2) arrived()
  }
  const answerLater = () => {
    arrive()
    return slow.then(() => replyJson('done'))
  }
  const neverAnswer = () => {
    arrive()
    return new Promise<never>(() => {})
  }
  const { server, call } = await start(context, [route('/slow', answerLater), route('/never', neverAnswer)], {
    onServed: (one) => void served.push(`${one.route} ${one.status}`),
  })
  const answered = call('/slow')
  const stuck = call('/never').catch(() => 'cut')
  await both
  const closed = server.close(300)
  release()
  assert.equal((await answered).text, '"done"')
  await closed
  assert.equal(await stuck, 'cut')
  assert.ok(served.includes('GET /slow 200'))
})
