import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { signCompactJws } from '@credence/protocol/jose'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from '../testing/seed.ts'
import {
  askToken,
  asOperator,
  assertionOf,
  callApi,
  freshNonce,
  getToken,
  newAgentKey,
  newJti,
  openWorld,
  postForm,
  proofOf,
  type TestAgent,
  type World,
} from '../testing/world.ts'

let world: World
let agent: TestAgent
let issuer: string

before(async () => {
  world = await openWorld()
  issuer = world.config.issuer
  await addFiles(world)
  agent = await addAgent(world)
})
after(() => world.close())

const own = { form: { resource: FILES } }

describe('RFC 6749 section 4.4 client_credentials', () => {
  test('RFC 9068: a bound token for one audience, five minutes, the agent as subject', async () => {
    const { status, body } = await getToken(issuer, agent, own)
    assert.equal(status, 200)
    assert.equal(body.token_type, 'DPoP')
    assert.equal(body.refresh_token, undefined)
    const claims = claimsOf(body.access_token)
    assert.equal(claims.aud, FILES)
    assert.equal(claims.sub, `spiffe://example.test/agent/${agent.clientId}`)
    assert.equal(Number(claims.exp) - Number(claims.iat), 300)
    assert.deepEqual(claims.cnf, { jkt: agent.jkt })
    assert.equal(claims.act, undefined)
  })

  test('RFC 8707: a resource that is missing, unknown, with a fragment or repeated is refused', async () => {
    for (const form of [
      {},
      { resource: 'https://elsewhere.test/' },
      { resource: `${FILES}#x` },
      { resource: `${FILES}/` },
    ]) {
      const { status, body } = await getToken(issuer, agent, { form: form as Record<string, string> })
      assert.equal(status, 400, JSON.stringify(form))
      assert.equal(body.error, 'invalid_target')
    }
  })

  test('a scope that the role of the agent does not have is refused', async () => {
    const { status, body } = await getToken(issuer, agent, { form: { resource: `${issuer}/v1`, scope: 'admin' } })
    assert.equal(status, 400)
    assert.equal(body.error, 'invalid_scope')
  })

  test('RFC 9396: details of an unknown type or another resource are refused', async () => {
    for (const details of [
      [{ type: 'payment', locations: [FILES] }],
      [{ type: 'mcp_tools', locations: ['https://elsewhere.test/'], tools: ['a'] }],
      [{ type: 'mcp_tools', locations: [FILES], tools: ['a'], more: true }],
    ]) {
      const form = { resource: FILES, authorization_details: JSON.stringify(details) }
      const { body } = await getToken(issuer, agent, { form })
      assert.equal(body.error, 'invalid_authorization_details')
    }
  })
})

describe('RFC 7523 client assertions', () => {
  const refused = async (assertion: string, form: Record<string, string> = {}): Promise<void> => {
    const { status, body } = await getToken(issuer, agent, { assertion, form: { resource: FILES, ...form } })
    assert.equal(body.error, 'invalid_client', JSON.stringify(body))
    assert.equal(status, 401)
  }
  const now = Math.floor(Date.now() / 1000)
  const good = () => ({ iss: agent.clientId, sub: agent.clientId, aud: issuer, jti: newJti(), iat: now, exp: now + 60 })
  const signed = (claims: object, header: object = {}) =>
    signCompactJws(agent.key, { typ: 'client-authentication+jwt', kid: agent.jkt, ...header }, claims)

  test('section 3: wrong audience, lookalike audience, list of audiences, wrong issuer, expiry, far future are refused', async () => {
    await refused(signed({ ...good(), aud: 'https://other.test' }))
    await refused(signed({ ...good(), aud: `${issuer}/` }))
    await refused(signed({ ...good(), aud: `${issuer}/token` }))
    await refused(signed({ ...good(), aud: [issuer] }))
    await refused(signed({ ...good(), iss: 'agt_someoneelse' }))
    await refused(signed({ ...good(), exp: now - 60 }))
    await refused(signed({ ...good(), exp: now + 3600 }))
    await refused(signed({ ...good(), jti: undefined }))
  })

  test('the same assertion a second time is refused', async () => {
    const assertion = await assertionOf(issuer, agent)
    assert.equal((await getToken(issuer, agent, { ...own, assertion })).status, 200)
    await refused(assertion)
  })

  test('a key of another agent, an unknown client and a wrong signature get one and the same answer', async () => {
    const { key } = newAgentKey()
    const foreign = signCompactJws(key, { typ: 'JWT', kid: agent.jkt }, good())
    const unknown = { ...good(), iss: 'agt_AAAAAAAAAAAAAAAAAAAAAA', sub: 'agt_AAAAAAAAAAAAAAAAAAAAAA' }
    const first = await getToken(issuer, agent, { ...own, assertion: foreign })
    const second = await getToken(issuer, agent, { ...own, assertion: signed(unknown) })
    assert.equal(first.status, 401)
    assert.deepEqual(first.body, second.body)
  })

  test('no downgrade: a confidential client without an assertion, with a secret, with two ids is refused', async () => {
    const proof = await proofOf(agent.key, 'POST', `${issuer}/token`, { nonce: await freshNonce(issuer, agent) })
    const bare = { grant_type: 'client_credentials', client_id: agent.clientId, resource: FILES }
    assert.equal((await postForm(`${issuer}/token`, bare, { DPoP: proof })).body.error, 'invalid_client')
    const secret = { ...bare, client_secret: 'x' }
    assert.equal((await postForm(`${issuer}/token`, secret, { DPoP: proof })).body.error, 'invalid_client')
    await refused(await assertionOf(issuer, agent), { client_id: 'agt_AAAAAAAAAAAAAAAAAAAAAA' })
  })
})

describe('RFC 9449 proofs at the token endpoint', () => {
  const url = () => `${issuer}/token`
  const refused = async (proof: string | null, error = 'invalid_dpop_proof'): Promise<void> => {
    const { status, body } = await askToken(issuer, agent, { ...own, proof })
    assert.equal(body.error, error, JSON.stringify(body))
    assert.equal(status, 400)
  }

  test('section 5: a token without a proof is refused', () => refused(null))

  test('section 8: without a nonce, or with a foreign one, the answer carries the nonce to use', async () => {
    const answer = await askToken(issuer, agent, { ...own, proof: await proofOf(agent.key, 'POST', url()) })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.error, 'use_dpop_nonce')
    assert.ok(answer.headers.get('dpop-nonce'))
    await refused(await proofOf(agent.key, 'POST', url(), { nonce: 'A'.repeat(30) }), 'use_dpop_nonce')
  })

  test('section 4.3: wrong method, wrong URL, wrong type, two proofs and a joined proof are refused', async () => {
    const nonce = await freshNonce(issuer, agent)
    await refused(await proofOf(agent.key, 'GET', url(), { nonce }))
    await refused(await proofOf(agent.key, 'POST', 'https://evil.test/token', { nonce }))
    const proof = await proofOf(agent.key, 'POST', url(), { nonce })
    await refused(`${proof}, ${await proofOf(agent.key, 'POST', url(), { nonce })}`)
    await refused(await assertionOf(issuer, agent))
    await refused(`${proof.slice(0, -4)}AAAA`)
  })

  test('section 11.1: the same proof a second time is refused', async () => {
    const proof = await proofOf(agent.key, 'POST', url(), { nonce: await freshNonce(issuer, agent) })
    assert.equal((await askToken(issuer, agent, { ...own, proof })).status, 200)
    await refused(proof)
  })
})

describe('authorization codes', () => {
  test('RFC 6749 section 4.1.3: a code becomes a bound token with the person as subject and the agent as actor', async () => {
    const seeded = await seedCode(world, agent.clientId)
    const { status, body } = await getToken(issuer, agent, { form: seeded.form })
    assert.equal(status, 200, JSON.stringify(body))
    const claims = claimsOf(body.access_token)
    assert.match(String(claims.sub), /^usr_/)
    assert.deepEqual(claims.act, { iss: issuer, sub: `spiffe://example.test/agent/${agent.clientId}` })
    assert.equal(claims.grant_id, seeded.grantId)
    assert.equal(claims.scope, 'files')
    assert.ok(body.refresh_token)
    assert.deepEqual(claims.authorization_details, body.authorization_details)
  })

  const refused = async (change: Record<string, string>, error = 'invalid_grant', seed = {}) => {
    const { form } = await seedCode(world, agent.clientId, seed)
    const { status, body } = await getToken(issuer, agent, { form: { ...form, ...change } })
    assert.equal(body.error, error, JSON.stringify([change, body]))
    assert.equal(status, 400)
  }

  test('wrong redirect, verifier, resource, scope, key and an old code are refused', async () => {
    await refused({ redirect_uri: 'http://127.0.0.1:9999/callback/' })
    await refused({ code_verifier: 'x'.repeat(43) })
    await refused({ code_verifier: '' })
    await refused({ resource: `${issuer}/v1` }, 'invalid_target')
    await refused({ scope: 'files admin' }, 'invalid_scope')
    await refused({ code: 'A'.repeat(43) })
    await refused({}, 'invalid_grant', { expiresIn: -1 })
    await refused({}, 'invalid_grant', { dpopJkt: newAgentKey().jkt })
    const wider = [{ type: 'mcp_tools', locations: [FILES], tools: ['read_file', 'delete_file'] }]
    await refused({ authorization_details: JSON.stringify(wider) }, 'invalid_authorization_details')
    await refused({ authorization_details: '[]' }, 'invalid_authorization_details')
  })

  test('a wrong attempt does not use up the code', async () => {
    const { form } = await seedCode(world, agent.clientId)
    assert.equal((await getToken(issuer, agent, { form: { ...form, code_verifier: 'x'.repeat(43) } })).status, 400)
    assert.equal((await getToken(issuer, agent, { form })).status, 200)
  })

  test('a code of another client is refused and stays good for its own', async () => {
    const other = await addAgent(world)
    const { form } = await seedCode(world, agent.clientId)
    assert.equal((await getToken(issuer, other, { form })).body.error, 'invalid_grant')
    assert.equal((await getToken(issuer, agent, { form })).status, 200)
  })

  test('RFC 6749 section 4.1.2: a code that comes twice revokes what came of it', async () => {
    const { form, grantId } = await seedCode(world, agent.clientId)
    const first = await getToken(issuer, agent, { form })
    assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_grant')
    const operator = await asOperator(world)
    assert.equal((await operator.call('GET', `/v1/grants/${grantId}`)).body.status, 'revoked')
    const refresh = { grant_type: 'refresh_token', refresh_token: String(first.body.refresh_token) }
    assert.equal((await getToken(issuer, agent, { form: refresh })).body.error, 'invalid_grant')
  })
})

describe('refresh tokens', () => {
  const first = async () => {
    const { form, grantId } = await seedCode(world, agent.clientId)
    const { body } = await getToken(issuer, agent, { form })
    return { grantId, refresh: String(body.refresh_token) }
  }
  const use = (refresh: string, more: Record<string, string> = {}, by = agent) =>
    getToken(issuer, by, { form: { grant_type: 'refresh_token', refresh_token: refresh, ...more } })

  test('OAuth 2.1 section 4.3.1: rotated on every use; the old one is refused and takes the family with it', async () => {
    const { refresh } = await first()
    const second = await use(refresh)
    assert.equal(second.status, 200)
    const next = String(second.body.refresh_token)
    assert.notEqual(next, refresh)
    assert.equal((await use(refresh)).body.error, 'invalid_grant')
    assert.equal((await use(next)).body.error, 'invalid_grant')
  })

  test('RFC 6749 section 6: never wider; narrower for one token does not narrow the family', async () => {
    const { refresh } = await first()
    assert.equal((await use(refresh, { scope: 'files admin' })).body.error, 'invalid_scope')
    const less = [{ type: 'mcp_tools', locations: [FILES], tools: ['read_file'] }]
    const narrow = await use(refresh, { authorization_details: JSON.stringify(less) })
    assert.deepEqual(claimsOf(narrow.body.access_token).authorization_details, less)
    const again = await use(String(narrow.body.refresh_token))
    assert.equal((again.body.authorization_details as [{ tools: string[] }])[0].tools.length, 2)
  })

  test('another client, and the same client with another key, are refused', async () => {
    const { refresh } = await first()
    assert.equal((await use(refresh, {}, await addAgent(world))).body.error, 'invalid_grant')
    const proofBy = newAgentKey()
    const nonce = await freshNonce(issuer, agent)
    const proof = await proofOf(proofBy.key, 'POST', `${issuer}/token`, { nonce })
    const form = { grant_type: 'refresh_token', refresh_token: refresh }
    assert.equal((await askToken(issuer, agent, { form, proof })).body.error, 'invalid_grant')
    assert.equal((await use(refresh)).status, 200)
  })
})

describe('one-time things happen once, a hundred at the same moment', () => {
  const won = (answers: readonly { status: number }[]) => answers.filter(({ status }) => status === 200).length

  test('a code', async () => {
    const { form, grantId } = await seedCode(world, agent.clientId)
    await freshNonce(issuer, agent)
    const answers = await Promise.all(Array.from({ length: 100 }, () => askToken(issuer, agent, { form })))
    assert.equal(won(answers), 1)
    const operator = await asOperator(world)
    assert.equal((await operator.call('GET', `/v1/grants/${grantId}`)).body.status, 'revoked')
  })

  test('a refresh token', async () => {
    const { form } = await seedCode(world, agent.clientId)
    const { body } = await getToken(issuer, agent, { form })
    const refresh = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) }
    const answers = await Promise.all(Array.from({ length: 100 }, () => askToken(issuer, agent, { form: refresh })))
    assert.equal(won(answers), 1)
  })

  test('a client assertion, and a proof', async () => {
    const assertion = await assertionOf(issuer, agent)
    await freshNonce(issuer, agent)
    const asserted = await Promise.all(
      Array.from({ length: 100 }, () => askToken(issuer, agent, { ...own, assertion })),
    )
    assert.equal(won(asserted), 1)
    const proof = await proofOf(agent.key, 'POST', `${issuer}/token`, { nonce: await freshNonce(issuer, agent) })
    const proven = await Promise.all(Array.from({ length: 100 }, () => askToken(issuer, agent, { ...own, proof })))
    assert.equal(won(proven), 1)
  })
})

describe('bearer exceptions', () => {
  test('none by default; set by the owner it holds for that client at that resource, for two minutes', async () => {
    const operator = await asOperator(world)
    const bearer = await addAgent(world)
    const refused = await askToken(issuer, bearer, { ...own, proof: null })
    assert.equal(refused.body.error, 'invalid_dpop_proof')
    const exception = { client: bearer.clientId, resource: FILES }
    assert.equal((await operator.call('POST', '/v1/bearer', exception)).status, 201)
    const given = await askToken(issuer, bearer, { ...own, proof: null })
    // The ready-made system policy gives an agent that proves nothing no token; its assertion is proof of a key.
    assert.equal(given.status, 200, JSON.stringify(given.body))
    const claims = claimsOf(given.body.access_token)
    assert.equal(given.body.token_type, 'Bearer')
    assert.equal(claims.cnf, undefined)
    assert.equal(Number(claims.exp) - Number(claims.iat), 120)
    const elsewhere = await askToken(issuer, bearer, { form: { resource: `${issuer}/v1` }, proof: null })
    assert.equal(elsewhere.status, 400)
    const shown = await operator.call('GET', '/v1/inventory')
    assert.equal((shown.body.bearerExceptions as unknown[]).length, 1)
    await operator.call('POST', '/v1/bearer/remove', exception)
    assert.equal((await askToken(issuer, bearer, { ...own, proof: null })).status, 400)
  })
})

describe('RFC 7662 introspection and RFC 7009 revocation', () => {
  const client = async (who: TestAgent) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertionOf(issuer, who),
  })
  const node = async (): Promise<TestAgent> => {
    const operator = await asOperator(world)
    const { key, jwk, jkt } = newAgentKey()
    const added = await operator.call('POST', '/v1/agents', { name: 'gateway', keys: [jwk], role: 'node' })
    return { clientId: String(added.body.id), key, jkt }
  }

  test('only a node may ask; a revoked token is not active and nothing more is said', async () => {
    const token = String((await getToken(issuer, agent, own)).body.access_token)
    const gateway = await node()
    const ask = async (by: TestAgent) => postForm(`${issuer}/introspect`, { ...(await client(by)), token })
    assert.equal((await ask(agent)).status, 403)
    assert.equal((await ask(gateway)).body.active, true)
    assert.equal((await postForm(`${issuer}/introspect`, { token })).status, 401)
    const foreign = await postForm(`${issuer}/revoke`, { ...(await client(await addAgent(world))), token })
    assert.equal(foreign.status, 200)
    assert.equal((await ask(gateway)).body.active, true, 'a revocation by another client is a no-op')
    assert.equal((await postForm(`${issuer}/revoke`, { ...(await client(agent)), token })).status, 200)
    assert.deepEqual((await ask(gateway)).body, { active: false })
  })

  test('a token that the operator revoked is refused at once at /v1', async () => {
    const operator = await asOperator(world)
    const id = String(claimsOf(operator.token).jti)
    assert.equal((await operator.call('POST', '/v1/revocations', { kind: 'token', id })).status, 200)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const after = await callApi(issuer, world.operator, operator.token, 'GET', '/v1/status')
    assert.equal(after.status, 401)
  })
})

describe('the request itself', () => {
  const token = () => `${issuer}/token`
  test('RFC 6749 section 3.2: repeated parameters, unknown grants, wrong content type are refused', async () => {
    const twice = await fetch(token(), {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials&grant_type=client_credentials',
    })
    assert.equal(twice.status, 400)
    assert.equal(((await twice.json()) as { error: string }).error, 'invalid_request')
    assert.equal((await postForm(token(), { grant_type: 'password' })).body.error, 'unsupported_grant_type')
    const json = await fetch(token(), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    assert.ok(json.status >= 400 && json.status < 500)
  })
})
