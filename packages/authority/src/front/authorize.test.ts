import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { inputsOf } from '../people/testing/index.ts'
import { createAgent, createWorld, publicClient, REDIRECT, RESOURCE, type World } from './testing/world.ts'

let world: World
before(async () => {
  world = await createWorld()
})
after(() => world.close())

const par = async (overrides: Record<string, string | undefined>) => {
  const answer = await world.par(world.parameters(overrides))
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}

const raw = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const { hostname, port } = new URL(world.issuer)
    const request = httpRequest({ hostname, port, path, method, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part) => {
        text += part
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
    })
    request.on('error', reject)
    request.end()
  })

const CIMD = 'https://tools.example/client.json'
const asPublic = (overrides: Record<string, string | undefined> = {}) => {
  world.clients.set(CIMD, publicClient(world.domain, { redirectUris: [REDIRECT] }))
  return world.parameters({ client_id: CIMD, ...overrides })
}

/** What a person who changes nothing sends. */
const fieldsOf = (page: string): [string, string][] => [
  ...inputsOf(page).filter(([name]) => name !== 'duration'),
  ['duration', '1h'],
]

/** The answer of /authorize to somebody who sends the parameters directly. */
const direct = async (parameters: Record<string, string>) => raw(`/authorize?${new URLSearchParams(parameters)}`)

describe('threats 36: redirect_uri is compared exactly, and a wrong one is never redirected to', () => {
  const variants = {
    'trailing slash': `${REDIRECT}/`,
    'extra path': `${REDIRECT}/more`,
    query: `${REDIRECT}?x=1`,
    fragment: `${REDIRECT}#x`,
    'case of the path': 'https://agent.example/Callback',
    port: 'https://agent.example:8443/callback',
    scheme: 'http://agent.example/callback',
    userinfo: 'https://agent.example@evil.example/callback',
    backslash: 'https://agent.example\\@evil.example/callback',
    'double encoding': 'https://agent.example/%2563allback',
    wildcard: 'https://*.example/callback',
    'other host': 'https://evil.example/callback',
    javascript: 'javascript:alert(1)',
    empty: '',
  }
  for (const [name, uri] of Object.entries(variants)) {
    it(`refuses a redirect_uri with ${name}, at /par and at /authorize`, async () => {
      const pushed = await par({ redirect_uri: uri })
      assert.equal(pushed.status, 400)
      const answer = await direct(asPublic({ redirect_uri: uri }))
      assert.equal(answer.status, 400)
      assert.equal(answer.headers.location, undefined)
      assert.match(String(answer.headers['content-type']), /text\/html/)
    })
  }

  it('takes another port on a loopback address only (RFC 8252 section 7.3)', async () => {
    world.clients.set(CIMD, publicClient(world.domain, { redirectUris: ['http://127.0.0.1/callback'] }))
    const parameters = world.parameters({ client_id: CIMD, redirect_uri: 'http://127.0.0.1:51234/callback' })
    assert.equal((await direct(parameters)).status, 303)
    const other = await direct({ ...parameters, redirect_uri: 'http://localhost:51234/callback' })
    assert.equal(other.status, 400)
  })
})

describe('threats 37: PKCE', () => {
  const cases: Record<string, Record<string, string | undefined>> = {
    'missing code_challenge': { code_challenge: undefined, code_challenge_method: undefined },
    'method plain': { code_challenge_method: 'plain' },
    'method omitted (downgrade)': { code_challenge_method: undefined },
    'challenge too short': { code_challenge: 'abc' },
    'method in the wrong case': { code_challenge_method: 's256' },
  }
  for (const [name, overrides] of Object.entries(cases)) {
    it(`refuses ${name}`, async () => {
      const { status, body } = await par(overrides)
      assert.equal(status, 400)
      assert.equal(body.error, 'invalid_request')
    })
  }
})

describe('OAuth 2.1: only the code flow, answered by query', () => {
  for (const type of ['token', 'id_token', 'code id_token', 'code token', 'none']) {
    it(`refuses response_type ${type}`, async () => {
      assert.equal((await par({ response_type: type, scope: 'openid', nonce: 'n' })).status, 400)
    })
  }
  for (const mode of ['fragment', 'form_post', 'query.jwt', 'web_message']) {
    it(`refuses response_mode ${mode}`, async () => {
      const { status, body } = await par({ response_mode: mode })
      assert.equal(status, 400)
      assert.equal(body.error, 'unsupported_response_mode')
      assert.equal((await direct(asPublic({ response_mode: mode }))).status, 400)
    })
  }
})

describe('threats 42 and RFC 9126: pushed requests', () => {
  it('refuses a registered agent that did not push its request (require_pushed_authorization_requests)', async () => {
    const answer = await direct(world.parameters())
    assert.equal(new URL(String(answer.headers.location)).searchParams.get('error'), 'invalid_request')
  })
  it('refuses a request_uri that is used a second time', async () => {
    const browser = await owner()
    const url = await world.pushed()
    assert.ok((await browser.authorize(url)).searchParams.get('code'))
    const again = await browser.follow(url.slice(world.issuer.length))
    assert.equal(again.status, 400)
    assert.match(again.text, /invalid_request_uri/)
  })
  it('refuses a request_uri of another client', async () => {
    const url = new URL(await world.pushed())
    asPublic()
    const answer = await direct({ client_id: CIMD, request_uri: url.searchParams.get('request_uri') ?? '' })
    assert.equal(answer.status, 400)
    assert.equal(answer.headers.location, undefined)
  })
  it('refuses unknown and external request_uri without fetching', async () => {
    for (const uri of ['urn:ietf:params:oauth:request_uri:nope', 'https://evil.example/r', 'http://169.254.169.254/']) {
      const answer = await direct({ client_id: world.agent.view.clientId, request_uri: uri })
      assert.equal(answer.status, 400, uri)
    }
  })
  it('refuses request_uri and request inside a pushed request', async () => {
    assert.equal((await par({ request_uri: 'urn:ietf:params:oauth:request_uri:x' })).status, 400)
    const jar = await par({ request: 'eyJhbGciOiJub25lIn0.e30.' })
    assert.equal(jar.status, 400)
  })
  it('ignores parameters outside a pushed request', async () => {
    const browser = await owner()
    const url = `${await world.pushed()}&state=evil&redirect_uri=${encodeURIComponent(REDIRECT)}`
    const end = await browser.authorize(url)
    assert.equal(end.searchParams.get('state'), 'st-1')
  })
  it('refuses PAR with GET, with a query instead of a body, with JSON, and too large', async () => {
    assert.equal((await raw('/par')).status, 405)
    const json = await fetch(`${world.issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(json.status, 400)
    const large = await fetch(`${world.issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `x=${'a'.repeat(70_000)}`,
    })
    assert.equal(large.status, 413)
  })
})

let signedIn: Awaited<ReturnType<World['owner']>> | undefined
const owner = async () => {
  signedIn ??= await world.owner()
  return signedIn
}

describe('threats 46: no parameter twice', () => {
  for (const name of ['client_id', 'scope', 'resource', 'redirect_uri', 'state', 'code_challenge']) {
    it(`refuses ${name} twice, also with another spelling of its encoding`, async () => {
      const query = new URLSearchParams({ scope: 'mcp:tools', ...asPublic() })
      const value = query.get(name) ?? ''
      const twice = `${query}&${name}=${encodeURIComponent(value)}`
      assert.equal((await raw(`/authorize?${twice}`)).status, 400)
      const hidden = `${query}&%${name.charCodeAt(0).toString(16)}${name.slice(1)}=x`
      const answer = await raw(`/authorize?${hidden}`)
      assert.equal(answer.status, 400)
      assert.equal(answer.headers.location, undefined)
    })
  }
  it('refuses malformed encoding and control characters', async () => {
    for (const bad of ['state=%ff%fe', 'state=%', 'state=a%00b', 'state=%0d%0aSet-Cookie:x']) {
      assert.equal(
        (await raw(`/authorize?${new URLSearchParams(asPublic({ state: undefined }))}&${bad}`)).status,
        400,
        bad,
      )
    }
  })
})

describe('threats 47 and RFC 8707: exactly one known resource', () => {
  const cases: Record<string, string | undefined> = {
    missing: undefined,
    unknown: 'https://other.example/mcp',
    fragment: `${RESOURCE}#x`,
    'trailing slash': `${RESOURCE}/`,
    'other case': RESOURCE.toUpperCase(),
    'not absolute': 'files',
  }
  for (const [name, resource] of Object.entries(cases)) {
    it(`refuses a resource that is ${name}`, async () => {
      const { status, body } = await par({ resource, authorization_details: undefined })
      assert.equal(status, 400)
      assert.equal(body.error, 'invalid_target')
    })
  }
})

it('does not offer the administration of the domain on a consent page', async () => {
  const resource = `${world.issuer}/v1`
  world.resources.set(resource, { resource, name: 'authority', kind: 'authority', tools: [], scopes: ['admin'] })
  const { body } = await par({ resource, authorization_details: undefined, scope: 'admin' })
  assert.equal(body.error, 'invalid_target')
})

it('can ask for more tools than one detail names', async () => {
  const resource = 'http://localhost:7421/mcp/many'
  const tools = Array.from({ length: 600 }, (_unused, at) => ({ name: `tool_${at}` }))
  world.resources.set(resource, { resource, name: 'many', kind: 'http', tools, scopes: [] })
  const end = await (await owner()).authorize(await world.pushed({ resource, authorization_details: undefined }))
  const code = await world.front.codes.find(end.searchParams.get('code') ?? '')
  assert.equal(code?.authorizationDetails.flatMap((detail) => detail.tools).length, 600)
})

describe('threats 48 and RFC 9396: authorization_details and scope', () => {
  const detail = (value: unknown) => JSON.stringify([value])
  const good = { type: 'mcp_tools', locations: [RESOURCE], tools: ['read_file'] }
  const cases: Record<string, string> = {
    'an unknown type': detail({ ...good, type: 'payment' }),
    'an unknown field': detail({ ...good, actions: ['x'] }),
    'another location': detail({ ...good, locations: ['https://other.example/mcp'] }),
    'two locations': detail({ ...good, locations: [RESOURCE, RESOURCE] }),
    'a tool that does not exist': detail({ ...good, tools: ['format_disk'] }),
    'a look-alike of a tool': detail({ ...good, tools: ['read_file\u200b'] }),
    'no tool': detail({ ...good, tools: [] }),
    'no type': detail({ locations: [RESOURCE], tools: ['read_file'] }),
    'something that is not JSON': '[{',
    'an object instead of an array': JSON.stringify(good),
    'a prototype name as type': detail({ ...good, type: '__proto__' }),
  }
  for (const [name, value] of Object.entries(cases)) {
    it(`refuses ${name}`, async () => {
      const { status, body } = await par({ authorization_details: value })
      assert.equal(status, 400)
      assert.equal(body.error, 'invalid_authorization_details')
    })
  }
  it('refuses an unknown scope', async () => {
    assert.equal((await par({ scope: 'mcp:tools admin' })).body.error, 'invalid_scope')
  })
})

describe('threats 51 and 52: client authentication at /par', () => {
  const authenticated = async (assertion: string, extra: Record<string, string> = {}) =>
    (await world.par({ ...world.parameters(), client_assertion: assertion, ...extra })).status
  it('refuses no authentication (downgrade to none)', async () => {
    const answer = await fetch(`${world.issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(world.parameters()),
    })
    assert.ok([400, 401].includes(answer.status))
  })
  it('refuses another audience, an expired assertion, iss that is not sub, and another client', async () => {
    assert.equal(await authenticated(await world.agent.assertion({ aud: 'https://other.example' })), 401)
    assert.equal(await authenticated(await world.agent.assertion({ exp: Math.floor(Date.now() / 1000) - 60 })), 401)
    assert.equal(await authenticated(await world.agent.assertion({ iss: 'agt_someoneelse' })), 401)
    assert.equal(await authenticated(await world.agent.assertion(), { client_id: CIMD }), 400)
  })
  it('refuses basic authentication beside or instead of the assertion', async () => {
    const answer = await fetch(`${world.issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Basic eDp5' },
      body: new URLSearchParams({ ...world.parameters(), client_assertion: await world.agent.assertion() }),
    })
    assert.equal(answer.status, 401)
    assert.equal(((await answer.json()) as { error: string }).error, 'invalid_client')
  })
  it('refuses a suspended agent and an unknown client in the same way', async () => {
    const { view } = world.agent
    world.clients.set(view.clientId, { ...view, status: 'suspended' })
    const suspended = await par({})
    world.clients.set(view.clientId, view)
    const stranger = await createAgent(world.issuer, world.domain)
    const answer = await world.par(world.parameters({ client_id: stranger.view.clientId }), stranger)
    assert.equal(suspended.status, 401)
    assert.equal(answer.status, 401)
    assert.deepEqual(await answer.json(), suspended.body)
  })
})

describe('threats 43: nobody skips the person', () => {
  it('answers prompt=none with login_required or consent_required, also for somebody signed in', async () => {
    const browser = await owner()
    await browser.authorize(await world.pushed())
    const answer = await browser.follow((await world.pushed({ prompt: 'none' })).slice(world.issuer.length))
    const end = new URL(answer.location ?? '')
    assert.match(end.searchParams.get('error') ?? '', /^(?:login|consent|interaction)_required$/)
    assert.equal(end.searchParams.get('iss'), world.issuer)
  })
  it('asks again although the same agent was allowed the same before, and gives another grant', async () => {
    const browser = await owner()
    const before = world.grants.length
    await browser.authorize(await world.pushed())
    await browser.authorize(await world.pushed())
    assert.equal(world.grants.length, before + 2)
    assert.notEqual(world.grants.at(-1)?.id, world.grants.at(-2)?.id)
  })
})

describe('the edge before the library', () => {
  for (const path of [
    '/PAR',
    '/par/',
    '/AUTHORIZE',
    '/authorize/',
    '/authorize//x',
    '/Authorize?x',
    '/unused/token',
    '/unused/jwks',
    '/token',
    '/userinfo',
    '/%61uthorize',
    '/authorize/../par',
  ]) {
    it(`does not hand ${path} to the library`, async () => {
      const answer = await raw(path)
      assert.equal(answer.status, 404)
    })
  }
  it('builds addresses from the configured issuer, whatever Host and forwarding headers say', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
    }
    const answer = await raw(`/authorize?${new URLSearchParams(asPublic())}`, headers)
    assert.equal(answer.status, 303)
    assert.doesNotMatch(JSON.stringify(answer.headers), /evil\.example/)
    assert.match(String(answer.headers.location), /^\/interaction\//)
  })
  it('gives the browser no session cookie of the library', async () => {
    const browser = await owner()
    await browser.authorize(await world.pushed())
    assert.ok([...browser.cookies.keys()].every((name) => !name.startsWith('credence_unused')))
  })
  it('threats 49: error pages reflect nothing of the request', async () => {
    const answer = await direct({
      client_id: '"><script>alert(1)</script>',
      state: 'REFLECTED',
      iss: 'https://evil.example',
    })
    assert.equal(answer.status, 400)
    assert.doesNotMatch(answer.text, /alert\(1\)|REFLECTED|evil\.example/)
    assert.match(String(answer.headers['content-security-policy']), /frame-ancestors 'none'/)
  })
})

describe('threats 44 and 45: the consent page', () => {
  const open = async (url: string) => (await owner()).follow(url.slice(world.issuer.length))

  it('is framed by nobody, runs nothing inline, and may send its form only to us and on to the client', async () => {
    const page = await open(await world.pushed())
    const csp = page.headers.get('content-security-policy') ?? ''
    assert.match(csp, /frame-ancestors 'none'/)
    assert.match(csp, /default-src 'none'/)
    assert.doesNotMatch(csp, /unsafe/)
    assert.match(csp, /form-action 'self' https:\/\/agent\.example(?:;|$)/)
    assert.equal(page.headers.get('x-frame-options'), 'DENY')
    assert.equal(page.headers.get('cache-control'), 'no-store')
  })
  it('shows agent, owner, exact tools, labels, redirect host and server', async () => {
    const { text } = await open(await world.pushed())
    for (const part of [
      'Report writer',
      'Platform team',
      'agent.example',
      'read_file',
      'write_file',
      'Reads',
      'Changes things',
      RESOURCE,
    ]) {
      assert.ok(text.includes(part), part)
    }
    assert.ok(!text.includes('list_directory'))
  })
  it('escapes, truncates and isolates a hostile name', async () => {
    const hostile = `<img src=x onerror=alert(1)>\u202eknaB ruoY\u0000${'A'.repeat(5000)}`
    world.clients.set(CIMD, publicClient(world.domain, { redirectUris: [REDIRECT], name: hostile }))
    const { text } = await open(world.authorizeUrl(world.parameters({ client_id: CIMD })))
    assert.doesNotMatch(text, /<img|\u202e|A{100}/)
    assert.match(text, /<bdi>&lt;img/)
    assert.match(text, /tools\.example/)
    assert.match(text, /Nobody here has registered this agent/)
  })
  it('warns when every redirect goes to this computer, and when no key is proven', async () => {
    const client = publicClient(world.domain, { redirectUris: ['http://127.0.0.1/cb'], bearerResources: [RESOURCE] })
    world.clients.set(CIMD, client)
    const { text } = await open(
      world.authorizeUrl(world.parameters({ client_id: CIMD, redirect_uri: 'http://127.0.0.1:9/cb' })),
    )
    assert.match(text, /program on this computer/)
    assert.match(text, /cannot prove that it holds a key/)
  })

  const answer = async (change: (fields: Map<string, string>) => void, headers: Record<string, string> = {}) => {
    const browser = await owner()
    const { text } = await open(await world.pushed())
    const action = /formaction="([^"]*)\/deny"/.exec(text)?.[1] ?? ''
    const fields = new Map([...inputsOf(text), ['duration', '1h']] as [string, string][])
    change(fields)
    const before = world.grants.length
    const result = await browser.postForm(`${action}/allow`, [...fields], headers)
    return { result, made: world.grants.length - before }
  }
  const refusedAnswers: Record<string, [(fields: Map<string, string>) => void, Record<string, string>?]> = {
    'without a CSRF token': [(fields) => fields.delete('csrf')],
    'with a CSRF token of nothing': [(fields) => fields.set('csrf', 'A'.repeat(43))],
    'from another origin': [() => {}, { origin: 'https://evil.example' }],
    'with Origin null': [() => {}, { origin: 'null' }],
    'from another site by Fetch metadata': [() => {}, { 'sec-fetch-site': 'cross-site' }],
    'to something else than what was shown': [(fields) => fields.set('shown', 'A'.repeat(43))],
    'with a tool that was not offered': [(fields) => fields.set('tool', 'list_directory')],
    'with no tool': [(fields) => fields.delete('tool')],
    'with a duration of its own': [(fields) => fields.set('duration', '9999d')],
  }
  for (const [name, [change, headers]] of Object.entries(refusedAnswers)) {
    it(`refuses an answer ${name}`, async () => {
      const { result, made } = await answer(change, headers)
      assert.ok(result.status >= 400 && result.status < 500, String(result.status))
      assert.equal(result.location, undefined)
      assert.equal(made, 0)
    })
  }
  it('refuses the token of one request for another', async () => {
    const browser = await owner()
    const one = await open(await world.pushed())
    const two = await open(await world.pushed())
    const action = /formaction="([^"]*)\/deny"/.exec(two.text)?.[1] ?? ''
    assert.equal((await browser.postForm(`${action}/allow`, fieldsOf(one.text))).status, 403)
  })
  it('invariant 2: gives only what is left chosen', async () => {
    const browser = await owner()
    const end = await browser.authorize(await world.pushed(), { tools: ['read_file'], duration: '8h' })
    const code = await world.front.codes.find(end.searchParams.get('code') ?? '')
    assert.deepEqual(code?.authorizationDetails[0]?.tools, ['read_file'])
    assert.deepEqual(world.grants.at(-1)?.grant.authorizationDetails[0]?.tools, ['read_file'])
  })
  it('denies with access_denied, state and iss, and makes no grant', async () => {
    const before = world.grants.length
    const end = await (await owner()).authorize(await world.pushed(), { deny: true })
    assert.equal(end.searchParams.get('error'), 'access_denied')
    assert.equal(end.searchParams.get('state'), 'st-1')
    assert.equal(end.searchParams.get('iss'), world.issuer)
    assert.equal(end.searchParams.get('code'), null)
    assert.equal(world.grants.length, before)
  })
  it('invariant 1: allows nothing while the ledger cannot record', async () => {
    world.levers.recorderFails = true
    const { result } = await answer(() => {}).finally(() => {
      world.levers.recorderFails = false
    })
    assert.equal(result.status, 503)
    assert.equal(result.location, undefined)
  })
  it('refuses an answer when the tools changed while the page was open', async () => {
    const files = world.resources.get(RESOURCE)
    assert.ok(files)
    const { result, made } = await answer(() => {
      world.resources.set(RESOURCE, {
        ...files,
        tools: files.tools.map((tool) => ({ ...tool, description: 'Something else.' })),
      })
    }).finally(() => world.resources.set(RESOURCE, files))
    assert.equal(result.status, 409)
    assert.equal(made, 0)
  })
})

describe('session swap and fixation between interaction and resume', () => {
  const atConsent = async () => {
    const browser = await owner()
    const page = await browser.follow((await world.pushed()).slice(world.issuer.length))
    const action = /formaction="([^"]*)\/deny"/.exec(page.text)?.[1] ?? ''
    return { browser, page, action }
  }
  it('shows an interaction in no other browser', async () => {
    const { action } = await atConsent()
    const stranger = world.browser()
    assert.equal((await stranger.get(action)).status, 400)
  })
  it('gives no code to a browser that signed out after deciding', async () => {
    const { browser, page, action } = await atConsent()
    const decided = await browser.postForm(`${action}/allow`, fieldsOf(page.text))
    assert.equal(decided.status, 303)
    const account = await browser.get('/account')
    await browser.postForm(
      '/signout',
      inputsOf(account.text)
        .filter(([name]) => name === 'csrf')
        .slice(0, 1),
    )
    const resumed = await browser.follow(new URL(decided.location ?? '').pathname)
    assert.equal(resumed.status, 403)
    await browser.signIn()
    assert.equal((await browser.follow(new URL(decided.location ?? '').pathname)).status, 403)
  })
  it('makes a new session secret at every sign-in and ends the old one (no fixation)', async () => {
    const browser = await owner()
    await browser.signIn()
    const first = browser.cookies.get('credence-session')
    await browser.signIn()
    assert.notEqual(browser.cookies.get('credence-session'), first)
    const old = await raw('/account', { cookie: `credence-session=${first}` })
    assert.equal(old.status, 303)
  })
  it('prompt=login asks somebody who is signed in to sign in again', async () => {
    const browser = await owner()
    await browser.signIn()
    await new Promise((resolve) => setTimeout(resolve, 1100))
    const page = await browser.follow((await world.pushed({ prompt: 'login' })).slice(world.issuer.length))
    assert.match(page.text, /id="sign-in"/)
  })
})
