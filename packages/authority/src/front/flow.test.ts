import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { nodeKeys } from '@credence/kit/node'
import type { PersonId } from '@credence/model'
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose'
import type { PageBrowser } from '../people/testing/index.ts'
import { createWorld, publicClient, REDIRECT, RESOURCE, type World } from './testing/world.ts'

describe('from a pushed request to a code', () => {
  let world: World
  before(async () => {
    world = await createWorld()
  })
  after(() => world.close())
  let known: PageBrowser | undefined
  const signedIn = async (): Promise<PageBrowser> => {
    known ??= await world.owner()
    return known
  }

  it('goes through sign-in and consent and ends at the client with code, state and iss (RFC 9207 section 2)', async () => {
    const browser = await signedIn()
    const end = await browser.authorize(await world.pushed())
    assert.equal(`${end.origin}${end.pathname}`, REDIRECT)
    assert.equal(end.searchParams.get('state'), 'st-1')
    assert.equal(end.searchParams.get('iss'), world.issuer)
    const code = end.searchParams.get('code') ?? ''
    const found = await world.front.codes.find(code)
    assert.ok(found)
    assert.equal(found.clientId, world.agent.view.clientId)
    assert.equal(found.redirectUri, REDIRECT)
    assert.equal(found.resource, RESOURCE)
    assert.equal(found.consumed, false)
    assert.equal(found.grantId, world.grants.at(-1)?.id)
    assert.match(found.session ?? '', /^ses_/)
    assert.deepEqual(found.authorizationDetails, [
      { type: 'mcp_tools', locations: [RESOURCE], tools: ['read_file', 'write_file'] },
    ])
    assert.ok(found.expiresAt - Date.now() <= 60_000)
    assert.equal(world.acts.at(-1)?.method, 'grant.allow')
  })

  it('hands on nonce and the time of sign-in when openid is asked for, and offline_access (OpenID Connect Core section 3.1.2)', async () => {
    const browser = await signedIn()
    const end = await browser.authorize(await world.pushed({ scope: 'openid offline_access mcp:tools', nonce: 'n-1' }))
    const found = await world.front.codes.find(end.searchParams.get('code') ?? '')
    assert.equal(found?.nonce, 'n-1')
    assert.ok(Math.abs((found?.authTime ?? 0) - Date.now() / 1000) < 60)
    assert.deepEqual([...(found?.scope ?? [])].sort(), ['mcp:tools', 'offline_access', 'openid'])
  })

  it('gives every tool that is left chosen to a client that asked by resource alone', async () => {
    const browser = await signedIn()
    const end = await browser.authorize(await world.pushed({ authorization_details: undefined }))
    const found = await world.front.codes.find(end.searchParams.get('code') ?? '')
    assert.deepEqual(found?.authorizationDetails[0]?.tools, ['list_directory', 'read_file', 'write_file'])
    assert.deepEqual(found?.scope, [])
  })

  it('takes a client with https and loopback redirects, without a push, on any loopback port', async () => {
    const client = publicClient(world.domain, { redirectUris: ['https://tools.example/cb', 'http://127.0.0.1/cb'] })
    world.clients.set(client.clientId, client)
    const browser = await signedIn()
    for (const redirect_uri of ['https://tools.example/cb', 'http://127.0.0.1:50123/cb']) {
      const end = await browser.authorize(
        world.authorizeUrl(world.parameters({ client_id: client.clientId, redirect_uri })),
      )
      assert.equal(`${end.origin}${end.pathname}`, redirect_uri)
      assert.equal((await world.front.codes.find(end.searchParams.get('code') ?? ''))?.redirectUri, redirect_uri)
    }
  })

  const proof = async (jkt: boolean, overrides: { htu?: string } = {}) => {
    const pair = nodeKeys.es256()
    const jwk = await exportJWK(pair.publicKey)
    const signed = await new SignJWT({ htm: 'POST', htu: overrides.htu ?? `${world.issuer}/par`, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(pair.privateKey)
    return { signed, jkt: jkt ? await calculateJwkThumbprint(jwk) : '' }
  }
  const parWith = async (dpop: string, extra: Record<string, string> = {}) =>
    fetch(`${world.issuer}/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop },
      body: new URLSearchParams({
        ...world.parameters(),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await world.agent.assertion(),
        ...extra,
      }),
    })

  it('binds the code to the key that was proven at /par (RFC 9449 section 10.1)', async () => {
    const { signed, jkt } = await proof(true)
    const answer = await parWith(signed)
    assert.equal(answer.status, 201)
    const { request_uri } = (await answer.json()) as { request_uri: string }
    const browser = await signedIn()
    const end = await browser.authorize(world.authorizeUrl({ client_id: world.agent.view.clientId, request_uri }))
    assert.equal((await world.front.codes.find(end.searchParams.get('code') ?? ''))?.dpopJkt, jkt)
  })
  it('refuses a proof whose key is not dpop_jkt, one for another place, one that was seen, and two of them', async () => {
    assert.equal((await parWith((await proof(false)).signed, { dpop_jkt: 'A'.repeat(43) })).status, 400)
    assert.equal((await parWith((await proof(false, { htu: `${world.issuer}/token` })).signed)).status, 400)
    const { signed } = await proof(false)
    assert.equal((await parWith(signed)).status, 201)
    assert.ok((await parWith(signed)).status >= 400)
    assert.ok((await parWith(`${signed}, ${signed}`)).status >= 400)
  })
  it('gives no code twice and knows a used one as used', async () => {
    const end = await (await signedIn()).authorize(await world.pushed())
    const code = end.searchParams.get('code') ?? ''
    await world.db.atomically([world.front.codes.consumeStatement(code)])
    await assert.rejects(world.db.atomically([world.front.codes.consumeStatement(code)]), { conflict: 'code_consumed' })
    assert.equal((await world.front.codes.find(code))?.consumed, true)
    assert.equal(await world.front.codes.find('nothing'), undefined)
    assert.equal(await world.front.codes.find(`${code}x`), undefined)
  })
  it('keeps no code, cookie or link in the database in clear', async () => {
    const browser = await signedIn()
    const end = await browser.authorize(await world.pushed())
    const { url } = await world.front.people.createInvitation((await world.front.people.list())[0]?.id as PersonId)
    const secrets = [
      end.searchParams.get('code') ?? '',
      browser.cookies.get('credence-session') ?? '',
      new URL(url).hash.slice(1),
    ]
    for (const table of ['front_documents', 'people_sessions', 'people_links', 'people_passkeys']) {
      const text = JSON.stringify(await world.db.read({ sql: `select * from ${table}`, parameters: [] }))
      for (const secret of secrets) assert.ok(secret.length > 20 && !text.includes(secret), table)
    }
  })
  it('sweeps what is long over and nothing else', async () => {
    const end = await (await signedIn()).authorize(await world.pushed())
    await world.front.sweep()
    assert.ok(await world.front.codes.find(end.searchParams.get('code') ?? ''))
  })
})

describe('behind TLS', () => {
  it('marks every cookie Secure and ours __Host-, and builds https addresses', async () => {
    const world = await createWorld({ deps: { issuer: 'https://id.example' } })
    const local = world.issuer
    const client = publicClient(world.domain, { redirectUris: ['https://tools.example/cb'] })
    world.clients.set(client.clientId, client)
    const parameters = world.parameters({ client_id: client.clientId, redirect_uri: 'https://tools.example/cb' })
    const answer = await fetch(world.authorizeUrl(parameters), { redirect: 'manual' })
    assert.equal(answer.status, 303)
    const cookies = answer.headers.getSetCookie()
    assert.ok(cookies.length > 0)
    for (const cookie of cookies) assert.match(cookie, /; secure/i)
    for (const cookie of (await fetch(`${local}/signin`)).headers.getSetCookie()) {
      assert.match(cookie, /^__Host-credence-browser=.*; Path=\/; HttpOnly; SameSite=Lax;.*; Secure$/)
    }
    const { url } = await world.front.people.createSetupLink()
    assert.match(url, /^https:\/\/id\.example\/setup#/)
    await world.close()
  })
})
