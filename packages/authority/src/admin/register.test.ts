/** Dynamic client registration (RFC 7591): off unless switched on, for who may administer, for public clients only. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { toBase64url } from '@credence/kit'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { createPageBrowser, createSoftwareAuthenticator, type PageBrowser } from '../people/testing/index.ts'
import { createDynamicClients, DynamicRegistration } from '../registry/dynamic-clients.ts'
import { addAgent, addFiles, claimsOf, FILES, REDIRECT } from '../testing/seed.ts'
import {
  type Answer,
  asOperator,
  callApi,
  freePort,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  postForm,
  proofOf,
  s256,
  type TestAgent,
  type World,
} from '../testing/world.ts'

const metadataOf = async (issuer: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>

describe('switched off, which it is by itself', () => {
  let world: World
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())

  test('RFC 8414: no registration_endpoint, and nothing at its usual place, not even for the operator', async () => {
    const { issuer } = world.config
    assert.equal('registration_endpoint' in (await metadataOf(issuer)), false)
    const operator = await asOperator(world)
    const asked = await operator.call('POST', '/register', { redirect_uris: [REDIRECT] })
    assert.equal(asked.status, 404)
    const nobody = await fetch(`${issuer}/register`, { method: 'POST', body: '{}' })
    assert.equal(nobody.status, 404)
    await nobody.body?.cancel()
  })
})

describe('switched on', () => {
  let world: World
  let issuer: string
  let browser: PageBrowser
  let operator: Awaited<ReturnType<typeof asOperator>>
  before(async () => {
    const port = await freePort()
    issuer = `http://localhost:${port}`
    world = await openWorld({ config: { issuer, listen: { host: '127.0.0.1', port }, dynamicRegistration: true } })
    operator = await asOperator(world)
    await addFiles(world)
    await tellTools()
    browser = createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
    await browser.enrol(world.authority.setupLink?.url ?? '', 'Ada Lovelace')
  })
  after(() => world.close())

  const tellTools = async (): Promise<void> => {
    const { key, jwk, jkt } = newAgentKey()
    const { body } = await operator.call('POST', '/v1/agents', { name: 'gateway', keys: [jwk], role: 'node' })
    const node = { clientId: String(body.id), key, jkt }
    const given = await getToken(issuer, node, { form: { resource: `${issuer}/v1`, scope: 'node' } })
    const tools = [{ name: 'read_file', description: 'Reads' }, { name: 'write_file' }]
    await callApi(issuer, node, String(given.body.access_token), 'PUT', '/v1/servers/files/tools', { tools })
  }
  const register = (metadata: unknown): Promise<Answer> => operator.call('POST', '/register', metadata)
  const stored = async (): Promise<readonly string[]> => {
    const { db } = world.authority.embedded
    const rows = await db.read({ sql: 'select metadata from dynamic_clients order by created, id', parameters: [] })
    return rows.map((row) => String(row.metadata))
  }

  test('RFC 7591 section 3.2.1: created, not cached, with what was really registered', async () => {
    assert.equal((await metadataOf(issuer)).registration_endpoint, `${issuer}/register`)
    const { status, headers, body } = await register({
      redirect_uris: [REDIRECT],
      client_name: 'Editor',
      grant_types: ['authorization_code', 'refresh_token'],
      client_uri: 'https://editor.example/',
      software_id: 'x',
    })
    assert.equal(status, 201, JSON.stringify(body))
    assert.match(String(headers.get('content-type')), /^application\/json/)
    assert.equal(headers.get('cache-control'), 'no-store')
    const { client_id: id, client_id_issued_at: at, ...rest } = body
    assert.match(String(id), /^dyn_[\w-]{22}$/)
    assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 10)
    assert.deepEqual(rest, {
      redirect_uris: [REDIRECT],
      client_name: 'Editor',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    })
  })

  test('the OpenAPI document says what it takes and how it refuses', async () => {
    const { paths } = (await (await fetch(`${issuer}/openapi.json`)).json()) as {
      paths: Record<string, { post: { requestBody: unknown; responses: Record<string, unknown> } }>
    }
    const { requestBody, responses } = paths['/register']?.post ?? {}
    assert.match(JSON.stringify(requestBody), /"required":\["redirect_uris"\]/)
    assert.deepEqual(Object.keys(responses ?? {}).sort(), ['201', '400', 'default'])
    assert.match(JSON.stringify(responses?.[400]), /OAuthError/)
  })

  const refused = async (metadata: unknown, error: string): Promise<void> => {
    const { status, headers, body } = await register(metadata)
    const what = `${JSON.stringify(metadata).slice(0, 120)}: ${JSON.stringify(body)}`
    assert.equal(status, 400, what)
    assert.match(String(headers.get('content-type')), /^application\/json/, what)
    assert.deepEqual(Object.keys(body).sort(), ['error', 'error_description'], what)
    assert.equal(body.error, error, what)
    assert.doesNotMatch(String(body.error_description), /["\\]/)
  }

  test('RFC 7591 section 3.2.2: redirect URIs that nobody should be sent to are invalid_redirect_uri', async () => {
    const before = (await stored()).length
    const wrong = [
      'http://app.example/cb',
      'https://app.example/cb#f',
      'https://good@evil.example/cb',
      'https://*.example/cb',
      'javascript:alert(1)',
      'data:text/html,x',
      'myapp:/cb',
      'file:///etc/passwd',
      '/cb',
      '',
      `https://app.example/${'c'.repeat(2_048)}`,
    ]
    for (const uri of wrong) await refused({ redirect_uris: [REDIRECT, uri] }, 'invalid_redirect_uri')
    for (const redirect_uris of [[], undefined, 'https://app.example/cb', [1], Array(17).fill(REDIRECT)])
      await refused({ redirect_uris }, 'invalid_redirect_uri')
    assert.equal((await stored()).length, before)
  })

  test('RFC 7591 section 3.2.2: everything else that cannot be is invalid_client_metadata', async () => {
    const before = (await stored()).length
    const { jwk } = newAgentKey()
    const privateJwk = newAgentKey().key.export({ format: 'jwk' })
    const wrong: readonly Record<string, unknown>[] = [
      { token_endpoint_auth_method: 'client_secret_basic' },
      { token_endpoint_auth_method: 'client_secret_post' },
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } },
      { token_endpoint_auth_method: 7 },
      { jwks: { keys: [privateJwk] } },
      { jwks: { keys: [jwk, { kty: 'oct', k: 'c2VjcmV0' }] } },
      { jwks: 'https://app.example/jwks' },
      { jwks_uri: 'http://app.example/jwks' },
      { jwks_uri: 'javascript:1' },
      { jwks: { keys: [jwk] }, jwks_uri: 'https://app.example/jwks' },
      { grant_types: ['client_credentials'] },
      { grant_types: ['implicit'] },
      { grant_types: ['refresh_token'] },
      { grant_types: [] },
      { response_types: ['token'] },
      { response_types: ['code', 'id_token'] },
      { client_name: 'n'.repeat(201) },
      { client_name: '' },
    ]
    for (const more of wrong) await refused({ redirect_uris: [REDIRECT], ...more }, 'invalid_client_metadata')
    for (const nothing of [[], 'x', null, 7]) await refused(nothing, 'invalid_client_metadata')
    assert.equal((await stored()).length, before)
  })

  test('what nobody here reads is not kept: neither keys nor other texts', async () => {
    const { jwk } = newAgentKey()
    const mark = 'must-not-be-kept'
    const metadata = { redirect_uris: [REDIRECT], jwks: { keys: [{ ...jwk, kid: mark }] }, tos_uri: mark, [mark]: mark }
    const { status, body } = await register(metadata)
    assert.equal(status, 201, JSON.stringify(body))
    assert.doesNotMatch((await stored()).join(), new RegExp(mark))
    assert.doesNotMatch(JSON.stringify(body), new RegExp(mark))
  })

  test('bodies are bounded in size and depth, and parsed strictly', async () => {
    const before = (await stored()).length
    const nested = `{"redirect_uris":["${REDIRECT}"],"x":${'['.repeat(2_000)}${']'.repeat(2_000)}}`
    const huge = JSON.stringify({ redirect_uris: [REDIRECT], x: 'x'.repeat(70_000) })
    const twice = `{"redirect_uris":["${REDIRECT}"],"redirect_uris":["https://evil.example/cb"]}`
    const send = async (body: string, type = 'application/json'): Promise<number> => {
      const url = `${issuer}/register`
      const { token } = operator
      const DPoP = await proofOf(world.operator.key, 'POST', url, { accessToken: token })
      const headers = { authorization: `DPoP ${token}`, DPoP, 'content-type': type }
      const answer = await fetch(url, { method: 'POST', headers, body })
      await answer.text()
      return answer.status
    }
    assert.equal(await send(huge), 413)
    for (const body of [nested, twice, '{', '']) assert.equal(await send(body), 400, body.slice(0, 60))
    assert.equal(await send(JSON.stringify({ redirect_uris: [REDIRECT] }), 'text/plain'), 415)
    assert.equal((await stored()).length, before)
  })

  test('the number of clients is bounded', async () => {
    const { db, domain } = world.authority.embedded
    const many = createDynamicClients({ db, domain, clock: nodeClock, random: nodeRandom }, (await stored()).length + 2)
    const metadata = DynamicRegistration.parse({ redirect_uris: [REDIRECT] })
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => many.register(metadata)))
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 2)
    for (const one of tries) if (one.status === 'rejected') assert.equal(one.reason.code, 'clients_too_many')
  })

  test('who may not administer registers nothing', async () => {
    const agent = await addAgent(world)
    const { body } = await getToken(issuer, agent, { form: { resource: `${issuer}/v1` } })
    const asked = await callApi(issuer, agent, String(body.access_token), 'POST', '/register', {
      redirect_uris: [REDIRECT],
    })
    assert.equal(asked.status, 403)
    const nobody = await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [REDIRECT] }),
    })
    await nobody.text()
    assert.equal(nobody.status, 401)
    assert.match(nobody.headers.get('www-authenticate') ?? '', /DPoP/)
  })

  describe('a registered client', () => {
    let client: TestAgent
    before(async () => {
      const { body } = await register({ redirect_uris: ['http://127.0.0.1/callback'], client_name: 'Editor' })
      const { key, jkt } = newAgentKey()
      client = { clientId: String(body.client_id), key, jkt }
    })

    const LOOPBACK = 'http://127.0.0.1:9876/callback'
    const ask = (more: Record<string, string> = {}) => {
      const verifier = toBase64url(nodeRandom.bytes(32))
      const query = new URLSearchParams({
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: LOOPBACK,
        resource: FILES,
        state: 'st-1',
        code_challenge: s256(verifier),
        code_challenge_method: 'S256',
        ...more,
      })
      return { verifier, url: `${issuer}/authorize?${query}` }
    }
    const redeem = async (code: string, verifier: string, headers: Record<string, string> = {}): Promise<Answer> =>
      postForm(
        `${issuer}/token`,
        {
          grant_type: 'authorization_code',
          code,
          code_verifier: verifier,
          redirect_uri: LOOPBACK,
          client_id: client.clientId,
        },
        headers,
      )
    const proven = async (): Promise<Record<string, string>> => {
      const nonce = await freshNonce(issuer, world.operator)
      return { DPoP: await proofOf(client.key, 'POST', `${issuer}/token`, { nonce }) }
    }
    const codeFor = async (url: string): Promise<string> => {
      const end = await browser.authorize(url, { tools: ['read_file'] })
      assert.equal(end.searchParams.get('iss'), issuer)
      assert.equal(`${end.origin}${end.pathname}`, LOOPBACK)
      return end.searchParams.get('code') ?? ''
    }

    test('is allowed by a person and gets a token bound to its key, for what was allowed', async () => {
      const { url, verifier } = ask()
      const { status, body } = await redeem(await codeFor(url), verifier, await proven())
      assert.equal(status, 200, JSON.stringify(body))
      const claims = claimsOf(body.access_token)
      assert.equal(claims.client_id, client.clientId)
      assert.deepEqual(claims.cnf, { jkt: client.jkt })
      assert.deepEqual(claims.authorization_details, [{ type: 'mcp_tools', locations: [FILES], tools: ['read_file'] }])
      assert.equal(body.refresh_token, undefined, 'it registered for codes alone')
    })

    test('is shown to the person as what it is: nobody has registered an agent of this name', async () => {
      const url = new URL(ask().url)
      await browser.signIn()
      const page = await browser.follow(url.pathname + url.search)
      assert.match(page.text, /Nobody here has registered this agent/)
      assert.match(page.text, /Editor/)
    })

    test('gets nothing without a proof, and has no other grant and no name of its own', async () => {
      const { url, verifier } = ask()
      const bare = await redeem(await codeFor(url), verifier)
      assert.ok(bare.status === 400 || bare.status === 401, JSON.stringify(bare.body))
      assert.equal(bare.body.access_token, undefined)
      const alone = await postForm(
        `${issuer}/token`,
        { grant_type: 'client_credentials', resource: FILES, client_id: client.clientId },
        await proven(),
      )
      assert.ok(alone.status === 400 || alone.status === 401, JSON.stringify(alone.body))
    })

    test('is sent nowhere but where it registered', async () => {
      for (const redirect_uri of [
        'https://evil.example/cb',
        'http://127.0.0.1:9876/other',
        'http://localhost:9876/callback',
      ]) {
        const answer = await fetch(ask({ redirect_uri }).url, { redirect: 'manual' })
        assert.equal(answer.status, 400, redirect_uri)
        assert.equal(answer.headers.get('location'), null)
        await answer.text()
      }
    })
  })
})
