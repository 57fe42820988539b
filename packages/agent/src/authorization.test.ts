import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { browse, type Lab, nextToken, openLab, openSite } from './testing/lab.ts'

let lab: Lab
beforeEach(async () => {
  lab = await openLab()
})
afterEach(() => lab.close())

const call = () => lab.agent.fetchFor(lab.server)(lab.server)

/** The call fails with this code, no code or token reached the token endpoint's answer, and none is in the error. */
const failsWithoutToken = async (code: string, asked = 0): Promise<void> => {
  await assert.rejects(call(), (error: { code?: string }) => {
    assert.equal(error.code, code, inspect(error))
    assert.doesNotMatch(inspect(error, { depth: 9 }), /code-of-the-lab|access-token-|refresh-token-/)
    return true
  })
  assert.equal(lab.tokenRequests().length, asked)
}

test('an unknown server is discovered, the person asked once, the token proven', async () => {
  assert.equal((await call()).status, 200)
  assert.equal(lab.prompts.length, 1)
  const pushed = lab.as.asked.find(({ path }) => path === '/par')?.form
  const redeemed = lab.tokenRequests()[0]
  assert.equal(pushed?.get('resource'), lab.server)
  assert.equal(redeemed?.get('resource'), lab.server)
  assert.equal(pushed?.get('code_challenge_method'), 'S256')
  assert.equal(pushed?.get('dpop_jkt'), lab.agent.jkt)
  assert.ok((redeemed?.get('code_verifier') ?? '').length >= 43)
  assert.ok(lab.rs.asked.at(-1)?.headers.dpop)
  assert.deepEqual([...new URL(lab.prompts[0] ?? '').searchParams.keys()], ['client_id', 'request_uri'])
})

describe('threats 40: iss is compared byte for byte', () => {
  const wrong: Record<string, (issuer: string) => string> = {
    other: () => 'https://other.example',
    'with a slash': (issuer) => `${issuer}/`,
    'another case': (issuer) => issuer.replace('http', 'HTTP'),
    'default spelling': (issuer) => issuer.replace('127.0.0.1', '127.1'),
    empty: () => '',
  }
  for (const [name, make] of Object.entries(wrong)) {
    test(`${name}: aborted, the code is sent nowhere`, async () => {
      lab.knobs.answer = { iss: make(lab.issuer) }
      await failsWithoutToken('issuer_mismatch')
    })
  }
  test('missing although advertised', async () => {
    lab.knobs.answer = { iss: undefined }
    await failsWithoutToken('issuer_mismatch')
  })
  test('missing and not advertised is accepted; wrong and not advertised is not', async () => {
    lab.knobs.metadata = { authorization_response_iss_parameter_supported: undefined }
    lab.knobs.answer = { iss: undefined }
    assert.equal((await call()).status, 200)
    lab.knobs.answer = { iss: 'https://other.example' }
    await assert.rejects(lab.agentWith({}).fetchFor(lab.server)(lab.server), { code: 'issuer_mismatch' })
  })
  test('an error of another issuer is not believed either', async () => {
    lab.knobs.answer = { iss: 'https://other.example', code: undefined, error: 'access_denied' }
    await failsWithoutToken('issuer_mismatch')
  })
})

test('threats 41: a mix-up sends the code to nobody', async () => {
  const evil = await openSite(({ path }) =>
    path.startsWith('/.well-known/')
      ? {
          body: {
            issuer: evil.origin,
            authorization_endpoint: `${lab.issuer}/authorize`,
            token_endpoint: `${evil.origin}/token`,
            code_challenge_methods_supported: ['S256'],
          },
        }
      : { body: {} },
  )
  lab.knobs.resource = { authorization_servers: [evil.origin] }
  const hosts = [evil.origin, lab.issuer, lab.server].map((one) => new URL(one).host)
  await assert.rejects(lab.agentWith({ allowPrivate: hosts }).fetchFor(lab.server)(lab.server), {
    code: 'issuer_mismatch',
  })
  assert.ok(evil.asked.every(({ path }) => path !== '/token'))
  evil.close()
})

describe('documents that are refused', () => {
  test('the metadata of another issuer', async () => {
    lab.knobs.metadata = { issuer: 'https://other.example' }
    await failsWithoutToken('issuer_mismatch')
  })
  test('no PKCE with S256, or only plain', async () => {
    lab.knobs.metadata = { code_challenge_methods_supported: undefined }
    await failsWithoutToken('pkce_unsupported')
    lab.knobs.metadata = { code_challenge_methods_supported: ['plain'] }
    await failsWithoutToken('pkce_unsupported')
    assert.equal(lab.prompts.length, 0)
  })
  test('an endpoint that is no https URL', async () => {
    for (const authorization_endpoint of ['javascript:alert(1)', 'http://as.example/authorize', 'file:///etc/passwd']) {
      lab.knobs.metadata = { authorization_endpoint }
      await failsWithoutToken('server_metadata_refused')
    }
    assert.equal(lab.prompts.length, 0)
  })
  test('the description of another resource', async () => {
    for (const resource of [
      'https://bank.example/mcp',
      `${lab.server}/deeper`,
      `${lab.server}x`,
      `${lab.server}?a=1`,
      `${lab.server}#a`,
      lab.server.replace('//', '//user@'),
      'nothing',
    ]) {
      lab.knobs.resource = { resource }
      await failsWithoutToken('resource_mismatch')
    }
  })
  test('a document about the whole origin is one about the server', async () => {
    lab.knobs.resource = { resource: `${lab.rs.origin}/` }
    assert.equal((await call()).status, 200)
  })
  test('threats: addresses of this network that nobody allowed', async () => {
    for (const place of [
      'http://169.254.169.254/latest/meta-data',
      'https://127.0.0.1:1/x',
      'http://localhost:6379/',
    ]) {
      lab.knobs.challenge = `DPoP resource_metadata="${place}"`
      await assert.rejects(call(), { code: /^fetch_/ as never })
      lab.knobs.challenge = undefined
      lab.knobs.resource = { authorization_servers: [place] }
      await assert.rejects(call(), { code: /^fetch_/ as never })
      lab.knobs.resource = {}
    }
  })
  test('an issuer that the author did not name', async () => {
    const agent = lab.agentWith({ issuers: ['https://as.example'] })
    await assert.rejects(agent.fetchFor(lab.server)(lab.server), { code: 'issuer_untrusted' })
  })
  test('a document that is too long', async () => {
    lab.knobs.metadata = { filler: 'x'.repeat(400_000) }
    await failsWithoutToken('fetch_too_long')
  })
})

describe('the listener for the answer', () => {
  test('a wrong, missing or repeated state, and odd paths, are answered and ignored; the true answer still counts', async () => {
    const statuses: number[] = []
    const agent = lab.agentWith({
      ask: async ({ url }) => {
        lab.prompts.push(url)
        const there = await fetch(url, { redirect: 'manual' })
        const back = new URL(there.headers.get('location') ?? '')
        const state = back.searchParams.get('state') ?? ''
        const tries = ['?code=x', '?code=x&state=', '?code=x&state=wrong', `?code=x&state=${state}&state=${state}`]
        for (const one of tries) statuses.push((await fetch(new URL(one, back))).status)
        statuses.push((await fetch(new URL(`/other${back.search}`, back))).status)
        statuses.push((await fetch(back, { method: 'POST' })).status)
        statuses.push((await fetch(`${back.origin}//`)).status)
        await fetch(back)
      },
    })
    assert.equal((await agent.fetchFor(lab.server)(lab.server)).status, 200)
    assert.deepEqual([...new Set(statuses)], [404])
    assert.equal(lab.tokenRequests()[0]?.get('code'), 'code-of-the-lab')
  })
  test('an answer without code', async () => {
    lab.knobs.answer = { code: undefined }
    await failsWithoutToken('authorization_refused')
  })
  test('nobody answers: an end, and no rejection that nobody hears', async () => {
    const agent = lab.agentWith({ ask: () => {}, patienceMs: 100 })
    await assert.rejects(agent.fetchFor(lab.server)(lab.server), { code: 'consent_timeout' })
    const failing = lab.agentWith({ ask: () => Promise.reject(new Error('no browser')), patienceMs: 1_500 })
    await assert.rejects(failing.fetchFor(lab.server)(lab.server), /no browser/)
    await new Promise((resolve) => setTimeout(resolve, 1_600))
  })
  test('what shows the link may wait for ever', async () => {
    const agent = lab.agentWith({
      ask: ({ url }) => {
        void browse(url)
        return new Promise(() => {})
      },
    })
    assert.equal((await agent.fetchFor(lab.server)(lab.server)).status, 200)
  })
  test('closing the agent ends the waiting', async () => {
    const agent = lab.agentWith({ ask: () => void setTimeout(() => void agent.close(), 20), patienceMs: 60_000 })
    await assert.rejects(agent.fetchFor(lab.server)(lab.server), { code: 'consent_timeout' })
  })
})

test('a refusal of the person is a refusal, in clean words', async () => {
  const esc = String.fromCharCode(27)
  lab.knobs.answer = { code: undefined, error: 'access_denied', error_description: `no${esc}[2J\n thanks` }
  await assert.rejects(call(), { code: 'authorization_refused', message: 'access_denied: no [2J  thanks' })
})

describe('answers of the token endpoint that are refused', () => {
  const bodies: Record<string, [Record<string, unknown>, string]> = {
    'unbound although the server can bind': [{ access_token: 'a', token_type: 'Bearer' }, 'token_unbound'],
    'of no known type': [{ access_token: 'a', token_type: 'N_A' }, 'token_type_unknown'],
    'with a line break': [{ access_token: 'a\r\nx: y', token_type: 'DPoP' }, 'token_malformed'],
    'without token': [{ token_type: 'DPoP' }, 'token_answer_malformed'],
  }
  for (const [name, [body, code]] of Object.entries(bodies)) {
    test(name, async () => {
      lab.knobs.token = () => ({ body })
      await failsWithoutToken(code, 1)
    })
  }
  test('a bearer token of a server that knows nothing else is used as such', async () => {
    lab.knobs.metadata = { dpop_signing_alg_values_supported: undefined }
    lab.knobs.token = () => ({ body: { ...nextToken(lab.knobs), token_type: 'bearer' } })
    assert.equal((await call()).status, 200)
    assert.match(lab.presented().at(-1) ?? '', /^Bearer /)
    assert.equal(lab.rs.asked.at(-1)?.headers.dpop, undefined)
  })
  test('not JSON, ambiguous JSON, 500', async () => {
    lab.knobs.token = () => ({ raw: '<html>' })
    await failsWithoutToken('token_answer_malformed', 1)
    lab.knobs.token = () => ({ raw: '{"access_token":"a","access_token":"b","token_type":"DPoP"}' })
    await failsWithoutToken('token_answer_malformed', 2)
    lab.knobs.token = () => ({ status: 500 })
    await failsWithoutToken('token_endpoint_unavailable', 3)
  })
  test('what the server says back of our secrets is not repeated', async () => {
    lab.knobs.token = ({ form }) => ({
      status: 400,
      body: { error: 'invalid_grant', error_description: `code ${form.get('code')} of ${form.get('code_verifier')}` },
    })
    await assert.rejects(call(), {
      code: 'token_refused',
      message: 'invalid_grant: code [removed] of [removed]',
    })
  })
})

describe('use_dpop_nonce of the token endpoint', () => {
  test('is answered once, with the nonce', async () => {
    lab.knobs.token = ({ headers }) => {
      const claims = JSON.parse(Buffer.from(String(headers.dpop).split('.')[1] ?? '', 'base64url').toString())
      return claims.nonce === 'n1'
        ? { body: nextToken(lab.knobs) }
        : { status: 400, headers: { 'dpop-nonce': 'n1' }, body: { error: 'use_dpop_nonce' } }
    }
    assert.equal((await call()).status, 200)
    assert.equal(lab.tokenRequests().length, 2)
  })
  test('for ever: an end after one more try', async () => {
    let count = 0
    lab.knobs.token = () => {
      count += 1
      return { status: 400, headers: { 'dpop-nonce': `n${count}` }, body: { error: 'use_dpop_nonce' } }
    }
    await failsWithoutToken('token_refused', 2)
  })
})

test('credentials are shown to the issuer where they are registered and to no other', async () => {
  assert.equal((await call()).status, 200)
  const other = await openLab()
  lab.knobs.resource = { authorization_servers: [other.issuer] }
  const hosts = [other.issuer, lab.issuer, lab.server].map((one) => new URL(one).host)
  const agent = lab.agentWith({ allowPrivate: hosts })
  await assert.rejects(
    agent.tokenFor(lab.issuer, lab.server).then(() => agent.fetchFor(lab.server)(lab.server)),
    {
      code: 'issuer_other',
    },
  )
  assert.equal(other.tokenRequests().length, 0)
  await other.close()
})

describe('a token endpoint that is busy', () => {
  const busy = { status: 503, headers: { 'retry-after': '0' }, body: { error: 'temporarily_unavailable' } }

  test('is asked again with a new assertion and a new proof, and the person only once', async () => {
    let times = 0
    lab.knobs.token = (asked) => {
      times += 1
      return times <= 2 ? busy : { body: nextToken(lab.knobs, asked.form.get('scope')) }
    }
    assert.equal((await call()).status, 200)
    const requests = lab.as.asked.filter(({ path }) => path === '/token')
    assert.equal(requests.length, 3)
    assert.equal(new Set(requests.map(({ headers }) => headers.dpop)).size, 3)
    assert.equal(new Set(requests.map(({ form }) => form.get('client_assertion'))).size, 3)
    assert.equal(lab.prompts.length, 1)
  })

  test('for ever: three waits, then the agent says so; without Retry-After at once', async () => {
    lab.knobs.token = () => busy
    await failsWithoutToken('token_endpoint_unavailable', 4)
    lab.knobs.token = () => ({ ...busy, headers: {} })
    await failsWithoutToken('token_endpoint_unavailable', 5)
  })
})
