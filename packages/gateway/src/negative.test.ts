/** MCP gateway, lines 81 to 102 of the list in docs/security-tests.md: what must be refused with the upstream untouched. */
import assert from 'node:assert/strict'
import { connect as openSocket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fetch, type RequestInit } from 'undici'
import { type Harness, httpUpstream, startFixture, startHarness } from './testing/harness.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
const call = (params: object, id: unknown = 1): object => ({ jsonrpc: '2.0', id, method: 'tools/call', params })
const modernCall = call({ name: 'echo', arguments: { text: 'x' }, _meta: META })
const modernHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }
const legacyCall = call({ name: 'echo', arguments: { text: 'x' } })

describe('gateway: bad input', () => {
  let harness: Harness
  let fixture: Awaited<ReturnType<typeof startFixture>>
  let token: string
  before(async () => {
    fixture = await startFixture()
    harness = await startHarness({ upstreams: { fixture: httpUpstream(fixture.url) } })
    token = harness.token('fixture')
    await post(legacyCall)
  })
  after(async () => {
    await harness?.close()
    fixture?.close()
  })

  const send = async (body: string | Uint8Array, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const response = await harness.authorized(token)(harness.urlOf('fixture'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body,
      ...init,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, error: parseError(text) }
  }
  const post = (message: object, headers?: Record<string, string>) => send(JSON.stringify(message), headers)

  /** The upstream must not have been asked anything meanwhile. */
  const untouched = async <T>(run: () => Promise<T>): Promise<T> => {
    const before = (await fixture.seen()).length
    const result = await run()
    assert.equal((await fixture.seen()).length, before, 'the upstream was asked')
    return result
  }

  const mismatches: readonly (readonly [string, object, Record<string, string>])[] = [
    ['81: Mcp-Method says list, the body says call', modernCall, { ...modernHeaders, 'mcp-method': 'tools/list' }],
    ['82: Mcp-Name differs from params.name', modernCall, { ...modernHeaders, 'mcp-name': 'secret' }],
    ['82: Mcp-Name in base64 of another name', modernCall, { ...modernHeaders, 'mcp-name': '=?base64?c2VjcmV0?=' }],
    ['82: Mcp-Name with an upper-case sentinel', modernCall, { ...modernHeaders, 'mcp-name': '=?BASE64?ZWNobw==?=' }],
    ['82: Mcp-Name with invalid base64', modernCall, { ...modernHeaders, 'mcp-name': '=?base64?%%%?=' }],
    ['82: Mcp-Name missing', modernCall, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' }],
    [
      '84: the version in the header is elder than the one in _meta',
      modernCall,
      { ...modernHeaders, 'mcp-protocol-version': '2025-11-25' },
    ],
    [
      '84: the version header is missing on a modern message',
      modernCall,
      { 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
    ],
  ]
  for (const [title, message, headers] of mismatches) {
    it(`${title}: 400 and -32020`, async () => {
      const { status, error } = await untouched(() => post(message, headers))
      assert.equal(status, 400)
      assert.equal(error?.code, -32020)
    })
  }

  it('84: an unknown version: 400, -32022, and the versions that are spoken', async () => {
    const message = call({
      name: 'echo',
      arguments: {},
      _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': '1900-01-01' },
    })
    const { status, error } = await untouched(() =>
      post(message, { ...modernHeaders, 'mcp-protocol-version': '1900-01-01' }),
    )
    assert.equal(status, 400)
    assert.equal(error?.code, -32022)
    assert.match(JSON.stringify(error), /"supported":\["2026-07-28"/)
  })

  const texts: readonly (readonly [string, string | Uint8Array])[] = [
    [
      '85: the member `name` twice',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"secret","arguments":{}}}',
    ],
    [
      '85: a member in another case',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"tools/list","params":{"name":"echo"}}',
    ],
    [
      '85: the same member by an escape',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\\u0061me":"secret"}}',
    ],
    [
      '86: 10,000 levels deep',
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`,
    ],
    [
      '86: a number that does not fit',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":1e400}}}',
    ],
    [
      '86: an id beyond 2^53',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"echo","arguments":{}}}',
    ],
    [
      '86: a lone surrogate',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"\\ud800"}}}',
    ],
    [
      '86: invalid UTF-8',
      Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    ],
    ['87: a batch', JSON.stringify([legacyCall])],
    ['87: two texts', `${JSON.stringify(legacyCall)}${JSON.stringify(legacyCall)}`],
    ['87: trailing bytes', `${JSON.stringify(legacyCall)}x`],
    ['87: a response', '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['87: no object', '"hello"'],
    ['87: nothing', ''],
  ]
  for (const [title, text] of texts) {
    it(`${title}: 400`, async () => {
      const { status, error, headers } = await untouched(() => send(text))
      assert.equal(status, 400, JSON.stringify(error))
      assert.ok(error !== undefined && error.code <= -32600)
      assert.match(headers.get('content-type') ?? '', /application\/json/)
    })
  }

  it('88: a tool outside the grant and a tool that does not exist are refused alike', async () => {
    const narrow = harness.token('fixture', {
      authorization_details: [{ type: 'mcp_tools', locations: [harness.urlOf('fixture')], tools: ['echo'] }],
    })
    /** What the caller sees, without the name that it sent itself. */
    const ask = async (name: string) => {
      const unnamed = (text: string | null | undefined) =>
        text?.replace(/tools\/call of ['"].*?['"]/g, 'tools/call of NAME')
      const response = await harness.authorized(narrow)(harness.urlOf('fixture'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call({ name, arguments: {} })),
      })
      return {
        status: response.status,
        challenge: unnamed(response.headers.get('www-authenticate')),
        message: unnamed(parseError(await response.text())?.message),
      }
    }
    const hidden = await ask('secret')
    assert.equal(hidden.status, 403)
    assert.match(hidden.challenge ?? '', /insufficient_scope/)
    assert.deepEqual(await ask('no-such-tool'), hidden)
    assert.deepEqual(await ask('ECHO'), hidden)
    assert.deepEqual(await ask('echo\u200b'), hidden)
  })

  it('88: a caller without the right wakes no server', async () => {
    const fresh = await startHarness({ upstreams: { fixture: httpUpstream(fixture.url) } })
    try {
      const none = fresh.token('fixture', {
        authorization_details: [{ type: 'mcp_tools', locations: [fresh.urlOf('fixture')], tools: ['other'] }],
      })
      const { status } = await untouched(() =>
        fresh.authorized(none)(fresh.urlOf('fixture'), {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(legacyCall),
        }),
      )
      assert.equal(status, 403)
    } finally {
      await fresh.close()
    }
  })

  it('unknown methods: 404 and -32601, the upstream untouched', async () => {
    for (const method of ['tools/destroy', 'subscriptions/listen', 'resources/subscribe', 'constructor', '__proto__']) {
      const { status, error } = await untouched(() => post({ jsonrpc: '2.0', id: 1, method, params: {} }))
      assert.deepEqual([method, status, error?.code], [method, 404, -32601])
    }
  })

  it('97: a foreign Host and a foreign Origin: 403', async () => {
    assert.equal((await untouched(() => post(legacyCall, { origin: 'https://evil.example' }))).status, 403)
    assert.equal((await untouched(() => post(legacyCall, { origin: 'null' }))).status, 403)
    assert.match(await raw(harness, 'Host: 127.0.0.1.evil.example'), /^HTTP\/1.1 403/)
  })

  it('98: length and chunks at once, and two lengths: refused', async () => {
    assert.match(
      await raw(harness, `Host: ${harness.base.slice(7)}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked`),
      /^HTTP\/1.1 400/,
    )
    assert.match(
      await raw(harness, `Host: ${harness.base.slice(7)}\r\nContent-Length: 5\r\nContent-Length: 6`),
      /^HTTP\/1.1 400/,
    )
  })

  it("99: no header field of the caller goes up, none of the upstream's comes down", async () => {
    const sent = {
      cookie: 'a=b',
      'x-api-key': 'k',
      'x-forwarded-for': '1.2.3.4',
      'x-user': 'admin',
      'mcp-session-id': 'fixed',
    }
    const { status, headers } = await post(modernCall, { ...modernHeaders, ...sent })
    assert.equal(status, 200)
    assert.equal(headers.get('set-cookie'), null)
    assert.equal(headers.get('x-internal'), null)
    const last = (await fixture.seen()).at(-1) ?? {}
    for (const name of ['authorization', 'dpop', ...Object.keys(sent)]) assert.equal(last[name], undefined, name)
  })

  it('no token, a token of another server, a bearer of a bound token, a token in the query: refused, with a challenge', async () => {
    const bare = await fetch(harness.urlOf('fixture'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(legacyCall),
    })
    assert.equal(bare.status, 401)
    assert.match(
      bare.headers.get('www-authenticate') ?? '',
      /resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/mcp\/fixture"/,
    )
    token = harness.token('other')
    assert.equal((await untouched(() => post(legacyCall))).status, 401)
    token = harness.token('fixture')
    const bearer = await fetch(harness.urlOf('fixture'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(legacyCall),
    })
    assert.equal(bearer.status, 401)
    const query = await harness.authorized(token)(`${harness.urlOf('fixture')}?access_token=${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(query.status, 400)
  })

  it('a ledger that cannot be written, a decider that is down, a lost lease: refused, the upstream untouched', async () => {
    harness.recorder.down = true
    assert.equal((await untouched(() => post(legacyCall))).status, 503)
    harness.recorder.down = false
    harness.decider.answer = () => Promise.reject(new Error('down'))
    assert.equal((await untouched(() => post(legacyCall))).status, 503)
    harness.decider.answer = {}
    harness.revocations.leaseIs = 'stale'
    const refused = await untouched(() => post(legacyCall))
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1'])
    harness.revocations.leaseIs = 'fresh'
    assert.equal((await post(legacyCall)).status, 200)
  })

  it('ids of a hundred concurrent callers are never mixed', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const { text } = await post(call({ name: 'echo', arguments: { text: `n${index}` } }, `id-${index}`))
        return [text.includes(`"id-${index}"`), text.includes(`echo: n${index}"`)]
      }),
    )
    assert.ok(answers.every(([id, body]) => id && body))
  })
})

interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}
const parseError = (text: string): RpcError | undefined => {
  try {
    return (JSON.parse(text) as { error?: RpcError }).error
  } catch {
    return undefined
  }
}

/** A request that no client library would send. */
const raw = ({ base }: Harness, fields: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base)
    const socket = openSocket(Number(port), hostname, () =>
      socket.write(`POST /mcp/fixture HTTP/1.1\r\n${fields}\r\nContent-Type: application/json\r\n\r\n{}{}{`),
    )
    let text = ''
    socket.setTimeout(2000, () => socket.end())
    socket.on('data', (piece) => {
      text += piece.toString()
      socket.end()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
