import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { handClock } from '@credence/kit/testing'
import { type Asked, type Lab, nextToken, openLab, openSite, tokenOf } from './testing/lab.ts'

let lab: Lab
beforeEach(async () => {
  lab = await openLab()
})
afterEach(() => lab.close())

const fetchOf = () => lab.agent.fetchFor(lab.server)
const challengeOf = (more: string) => ({
  'www-authenticate': `DPoP resource_metadata="${lab.rs.origin}/.well-known/oauth-protected-resource/mcp"${more}`,
})
const grants = () => lab.tokenRequests().map((form) => form.get('grant_type'))
const calls = () => lab.rs.asked.filter(({ path }) => path.startsWith('/mcp'))
const many = (count: number, run: () => Promise<Response>) =>
  Promise.all(Array.from({ length: count }, async () => (await run()).status))
const proofOf = ({ headers }: Asked) =>
  JSON.parse(Buffer.from(String(headers.dpop).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

describe('one need, one question', () => {
  test('20 first calls of 20 fetches: one prompt, one code', async () => {
    assert.deepEqual(new Set(await many(20, () => fetchOf()(lab.server))), new Set([200]))
    assert.equal(lab.prompts.length, 1)
    assert.deepEqual(grants(), ['authorization_code'])
  })

  test('100 calls through one fetch discover once', async () => {
    const send = fetchOf()
    assert.deepEqual(new Set(await many(100, () => send(lab.server))), new Set([200]))
    assert.equal(lab.rs.asked.filter(({ path }) => path.startsWith('/.well-known')).length, 1)
  })

  test('100 calls that meet a revoked token: one refresh', async () => {
    const send = fetchOf()
    await send(lab.server)
    lab.knobs.current.clear()
    assert.deepEqual(new Set(await many(100, () => send(lab.server))), new Set([200]))
    assert.deepEqual(grants(), ['authorization_code', 'refresh_token'])
    assert.equal(lab.prompts.length, 1)
  })

  test('a 401 that comes late does not refresh what is fresh', async () => {
    const send = fetchOf()
    await send(lab.server)
    const old = [...lab.knobs.current][0]
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let first = true
    lab.knobs.serve = async (asked) => {
      if (tokenOf(asked) !== old) return { body: {} }
      if (first) {
        first = false
        await held
      }
      return { status: 401, headers: challengeOf('') }
    }
    const late = send(lab.server)
    assert.equal((await send(lab.server)).status, 200)
    release()
    assert.equal((await late).status, 200)
    assert.deepEqual(grants(), ['authorization_code', 'refresh_token'])
  })

  test('a refusal is shared by all who waited for it', async () => {
    lab.knobs.answer = { code: undefined, error: 'access_denied' }
    const send = fetchOf()
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => send(lab.server)))
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    assert.equal(lab.prompts.length, 1)
  })

  test('tokens that live a moment do not ask for every request', async () => {
    lab.knobs.expiresIn = 4
    const send = fetchOf()
    for (let i = 0; i < 3; i += 1) assert.equal((await send(lab.server)).status, 200)
    assert.equal(lab.prompts.length, 1)
    assert.deepEqual(grants(), ['authorization_code'])
  })

  test('a server that refuses every token wears nobody down', async () => {
    lab.knobs.serve = () => ({ status: 401, headers: challengeOf('') })
    lab.knobs.token = () => ({ body: { access_token: 'a', token_type: 'DPoP' } })
    const send = fetchOf()
    for (let i = 0; i < 20; i += 1) await send(lab.server).catch(() => {})
    assert.equal(lab.prompts.length, 5)
  })
})

describe('refresh', () => {
  test('before the end of a token, with its resource; an unrotated refresh token stays good', async () => {
    const clock = handClock(Date.now())
    const send = lab.agentWith({ clock }).fetchFor(lab.server)
    await send(lab.server)
    const refresh = { ...nextToken(lab.knobs), refresh_token: undefined }
    lab.knobs.token = () => ({ body: refresh })
    clock.advance(290_000)
    assert.equal((await send(lab.server)).status, 200)
    clock.advance(290_000)
    assert.equal((await send(lab.server)).status, 200)
    const [, second, third] = lab.tokenRequests()
    assert.equal(second?.get('resource'), lab.server)
    assert.ok(second?.get('refresh_token'))
    assert.equal(third?.get('refresh_token'), second?.get('refresh_token'))
    assert.equal(lab.prompts.length, 1)
  })

  test('a token endpoint that is down asks nobody and loses nothing', async () => {
    const send = fetchOf()
    await send(lab.server)
    lab.knobs.current.clear()
    lab.knobs.token = () => ({ status: 503 })
    await assert.rejects(send(lab.server), { code: 'token_endpoint_unavailable' })
    lab.knobs.token = undefined
    assert.equal((await send(lab.server)).status, 200)
    assert.equal(lab.prompts.length, 1)
  })

  test('a refresh token that is no longer good: asked once more', async () => {
    const send = fetchOf()
    await send(lab.server)
    lab.knobs.current.clear()
    lab.knobs.token = ({ form }) =>
      form.get('grant_type') === 'refresh_token'
        ? { status: 400, body: { error: 'invalid_grant', error_description: `unknown ${form.get('refresh_token')}` } }
        : { body: nextToken(lab.knobs) }
    assert.equal((await send(lab.server)).status, 200)
    assert.equal(lab.prompts.length, 2)
  })

  test('a resource that moved to another authorization server: no token of the old one goes there', async () => {
    const other = await openLab()
    const hosts = [other.issuer, lab.issuer, lab.server].map((one) => new URL(one).host)
    const agent = lab.agentWith({ allowPrivate: hosts, issuers: [lab.issuer, other.issuer] })
    const send = agent.fetchFor(lab.server)
    await send(lab.server)
    lab.knobs.current.clear()
    lab.knobs.resource = { authorization_servers: [other.issuer] }
    lab.knobs.serve = (asked) =>
      other.knobs.current.has(tokenOf(asked) ?? '') ? { body: {} } : { status: 401, headers: challengeOf('') }
    assert.equal((await send(lab.server)).status, 200)
    assert.deepEqual(
      other.tokenRequests().map((form) => form.get('grant_type')),
      ['authorization_code'],
    )
    assert.deepEqual(grants(), ['authorization_code'])
    await other.close()
  })
})

describe('step-up', () => {
  const needs = (scope: string) => (asked: Asked) => {
    const token = tokenOf(asked)
    if (token === undefined || !lab.knobs.current.has(token))
      return { status: 401, headers: challengeOf(', scope="read"') }
    return granted.get(token)?.has(scope)
      ? { body: {} }
      : { status: 403, headers: challengeOf(`, error="insufficient_scope", scope="${scope}"`) }
  }
  const granted = new Map<string, Set<string>>()
  const grant = () => {
    const scope = lab.as.asked.findLast(({ path }) => path === '/par')?.form.get('scope') ?? ''
    const body = nextToken(lab.knobs, scope)
    granted.set(String(body.access_token), new Set(scope.split(' ')))
    return { body }
  }
  const askedScopes = () => lab.as.asked.filter(({ path }) => path === '/par').map(({ form }) => form.get('scope'))

  test('asks for the union, once for many', async () => {
    lab.knobs.token = grant
    lab.knobs.serve = needs('write')
    const send = fetchOf()
    assert.deepEqual(new Set(await many(20, () => send(lab.server))), new Set([200]))
    assert.deepEqual(askedScopes(), ['read', 'read write'])
    lab.knobs.serve = needs('delete')
    assert.equal((await send(lab.server)).status, 200)
    assert.deepEqual(askedScopes().at(-1), 'read write delete')
  })

  test('what was asked for and not given is not asked for again', async () => {
    lab.knobs.token = () => ({ body: nextToken(lab.knobs, 'read') })
    lab.knobs.serve = needs('write')
    const send = fetchOf()
    assert.equal((await send(lab.server)).status, 403)
    assert.equal((await send(lab.server)).status, 403)
    assert.deepEqual(askedScopes(), ['read', 'read write'])
  })

  test('a server that always wants more gets one step for a request, and an end', async () => {
    let count = 0
    lab.knobs.token = grant
    lab.knobs.serve = (asked) => {
      count += 1
      return needs(`s${count}`)(asked)
    }
    const send = fetchOf()
    assert.equal((await send(lab.server)).status, 403)
    for (let i = 0; i < 10; i += 1) await send(lab.server).catch(() => {})
    assert.equal(lab.prompts.length, 5)
  })

  test('403 without a token of ours, or for another reason, is the caller`s', async () => {
    lab.knobs.serve = () => ({ status: 403, headers: challengeOf(', error="insufficient_scope", scope="x"') })
    assert.equal((await fetchOf()(lab.server)).status, 403)
    assert.equal(lab.prompts.length, 0)
  })
})

describe('circles end', () => {
  test('use_dpop_nonce: learned, used, and followed twice at most; the authorization server`s is another', async () => {
    let count = 0
    lab.knobs.serve = (asked) => {
      if (tokenOf(asked) === undefined) return { status: 401, headers: challengeOf('') }
      count += 1
      const headers = { ...challengeOf(', error="use_dpop_nonce"'), 'dpop-nonce': `n${count}` }
      return { status: 401, headers }
    }
    assert.equal((await fetchOf()(lab.server)).status, 401)
    assert.deepEqual(
      calls()
        .slice(1)
        .map((asked) => proofOf(asked).nonce),
      [undefined, 'n1', 'n2'],
    )
    assert.deepEqual(grants(), ['authorization_code'])
    const jtis = calls()
      .slice(1)
      .map((asked) => proofOf(asked).jti)
    assert.equal(new Set(jtis).size, jtis.length)
  })

  test('use_dpop_nonce without a nonce costs neither a token nor a question', async () => {
    await fetchOf()(lab.server)
    lab.knobs.serve = () => ({ status: 401, headers: challengeOf(', error="use_dpop_nonce"') })
    const send = fetchOf()
    assert.equal((await send(lab.server)).status, 401)
    assert.equal(lab.prompts.length, 1)
  })

  test('a nonce that is none is not put into a proof', async () => {
    lab.knobs.serve = (asked) =>
      tokenOf(asked) === undefined
        ? { status: 401, headers: challengeOf('') }
        : { status: 401, headers: { ...challengeOf(', error="use_dpop_nonce"'), 'dpop-nonce': 'x'.repeat(300) } }
    assert.equal((await fetchOf()(lab.server)).status, 401)
  })

  test('401 for ever: one token, one more try', async () => {
    lab.knobs.serve = () => ({ status: 401, headers: challengeOf('') })
    assert.equal((await fetchOf()(lab.server)).status, 401)
    assert.equal(calls().length, 2)
  })

  test('Retry-After: waited for when short, three times; a long, odd or hostile one is the caller`s', async () => {
    await fetchOf()(lab.server)
    for (const value of ['6', '99999', '1e1', '-1', 'Infinity', '0x1', 'Sun, 06 Nov 1994 08:49:37 GMT', '']) {
      lab.knobs.serve = (asked) =>
        tokenOf(asked) === undefined
          ? { status: 401, headers: challengeOf('') }
          : { status: 503, headers: { 'retry-after': value } }
      const before = calls().length
      assert.equal((await fetchOf()(lab.server)).status, 503, value)
      assert.equal(calls().length - before, 2, value)
    }
    lab.knobs.serve = () => ({ status: 429, headers: { 'retry-after': '0' } })
    const before = calls().length
    assert.equal((await fetchOf()(lab.server)).status, 429)
    assert.equal(calls().length - before, 4)
  })

  test('an unreadable challenge is none: the known places are tried', async () => {
    lab.knobs.challenge = 'DPoP ="'
    assert.equal((await fetchOf()(lab.server)).status, 200)
  })
})

describe('a token goes to its server only', () => {
  test('another origin, another path, credentials in the address', async () => {
    const send = fetchOf()
    await send(lab.server)
    const before = lab.rs.asked.length
    for (const url of [
      'https://other.example/mcp',
      lab.server.replace('127.0.0.1', 'localhost'),
      `${lab.rs.origin}/`,
      `${lab.rs.origin}/mcp2`,
      `${lab.server}/../other`,
      `${lab.server}/%2e%2e/other`,
      lab.server.replace('//', '//user:pass@'),
    ]) {
      await assert.rejects(send(url), { code: 'other_origin' }, url)
    }
    assert.equal(lab.rs.asked.length, before)
    assert.equal((await send(`${lab.server}/below?x=1`)).status, 200)
    assert.equal(proofOf(calls().at(-1) as Asked).htu, `${lab.server}/below`)
  })

  test('a redirect is not followed', async () => {
    const other = await openSite(() => ({ body: {} }))
    const send = fetchOf()
    await send(lab.server)
    for (const status of [301, 302, 307, 308]) {
      lab.knobs.serve = () => ({ status, headers: { location: `${other.origin}/steal` } })
      assert.equal((await send(lab.server, { method: 'POST', body: '{}' })).status, status)
    }
    assert.equal(other.asked.length, 0)
    other.close()
  })

  test('what the caller puts into our fields does not leave', async () => {
    await fetchOf()(lab.server, { headers: { Authorization: 'Bearer stolen', DPoP: 'x', 'x-own': 'stays' } })
    assert.ok(calls().every(({ headers }) => !/stolen/.test(headers.authorization ?? '') && headers.dpop !== 'x'))
    assert.equal(calls().at(-1)?.headers['x-own'], 'stays')
  })

  test('plain http to another machine is refused before anything is asked', () => {
    assert.throws(() => lab.agent.fetchFor('http://server.example/mcp'), { code: 'server_not_https' })
    assert.throws(() => lab.agent.apiFetch('https://as.example', 'http://api.example/v1'), { code: 'server_not_https' })
  })

  test('the token of a person is not given to who asks for the agent`s own, nor the other way round', async () => {
    await fetchOf()(lab.server)
    const own = await lab.agent.tokenFor(lab.issuer, lab.server)
    assert.ok(!lab.presented().includes(`DPoP ${own.accessToken}`))
    assert.deepEqual(grants(), ['authorization_code', 'client_credentials'])
  })

  test('a token for one scope is not a token for another', async () => {
    await lab.agent.tokenFor(lab.issuer, lab.server, 'admin')
    await lab.agent.tokenFor(lab.issuer, lab.server, 'decide')
    await lab.agent.tokenFor(lab.issuer, lab.server, 'decide')
    assert.deepEqual(
      lab.tokenRequests().map((form) => form.get('scope')),
      ['admin', 'decide'],
    )
  })
})

describe('the caller', () => {
  test('may stop waiting at any time; the question goes on and its answer is kept', async () => {
    let answer = (): void => {}
    const agent = lab.agentWith({
      ask: ({ url }) => {
        lab.prompts.push(url)
        answer = () => void fetch(url)
      },
    })
    const send = agent.fetchFor(lab.server)
    const stop = new AbortController()
    const stopped = send(lab.server, { signal: stop.signal })
    while (lab.prompts.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    stop.abort(new Error('no longer wanted'))
    await assert.rejects(stopped, /no longer wanted/)
    answer()
    assert.equal((await send(lab.server)).status, 200)
    assert.equal(lab.prompts.length, 1)
    await assert.rejects(send(lab.server, { signal: AbortSignal.abort(new Error('before')) }), /before/)
  })

  test('a body that is a stream is sent again whole', async () => {
    const body = new Blob(['{"a":1}']).stream()
    const init = { method: 'POST', body, duplex: 'half' as const }
    assert.equal((await fetchOf()(lab.server, init)).status, 200)
    assert.deepEqual(
      calls().map((asked) => asked.body),
      ['{"a":1}', '{"a":1}'],
    )
  })

  test('sees no token in any error', async () => {
    const send = fetchOf()
    await send(lab.server)
    lab.knobs.current.clear()
    lab.knobs.token = ({ form, headers }) => ({
      status: 400,
      body: {
        error: 'invalid_request',
        error_description: `${form.get('refresh_token')} ${headers.dpop}`.slice(0, 200),
      },
    })
    await assert.rejects(
      send(lab.server),
      (error) => !/refresh-token-|access-token-/.test(inspect(error, { depth: 9 })),
    )
    lab.rs.close()
    await assert.rejects(
      send(lab.server),
      (error) => !/refresh-token-|access-token-/.test(inspect(error, { depth: 9 })),
    )
  })
})
