/** The resource server's half of the list of attacks on tokens and proofs; each test is named after what it refuses. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { isCredenceError, unavailable } from '@credence/kit'
import { revocationKey } from '@credence/model'
import { refusalFacts } from '../refusal.ts'
import {
  AGENT,
  DOMAIN,
  ISSUER,
  jktOf,
  jwkOf,
  OWNER,
  type ProofOptions,
  pair,
  proofBy,
  RESOURCE,
  random,
  signRaw,
  testIssuer,
  testTokens,
} from '../testing/world.ts'
import { createTokenAuthenticator, type TokenAuthenticatorOptions } from './authenticator.ts'
import { staticKeys } from './key-source.ts'
import type { PresentedToken } from './presented-token.ts'

const setUp = (more: Partial<TokenAuthenticatorOptions> = {}) => {
  const world = testTokens()
  const { clock, client, issuer, once, revocations } = world
  const keys = staticKeys({ [issuer.kid]: issuer.keys.publicKey })
  const options: TokenAuthenticatorOptions = {
    issuers: [{ issuer: ISSUER, keys, domain: DOMAIN }],
    clock,
    random,
    once,
    revocations,
    ...more,
  }
  const authenticator = createTokenAuthenticator(options)
  clock.advance(6_000)
  const request = (token: string, proof: ProofOptions = {}, over: Partial<PresentedToken> = {}): PresentedToken => ({
    method: 'POST',
    url: RESOURCE,
    resource: RESOURCE,
    authorization: [`DPoP ${token}`],
    dpop: [proofBy(client, clock.now, { token, ...proof })],
    ...over,
  })
  const present = (token: string, proof?: ProofOptions, over?: Partial<PresentedToken>) =>
    Promise.resolve(authenticator.authenticate(request(token, proof, over)))
  return { ...world, options, authenticator, request, present }
}

const refusedWith = async (
  attempt: Promise<unknown>,
  code: string | RegExp,
  status = 401,
  standard?: string,
): Promise<void> => {
  await assert.rejects(attempt, (error) => {
    assert.ok(isCredenceError(error), String(error))
    assert.equal(error.kind, 'refused')
    assert.match(error.code, typeof code === 'string' ? new RegExp(`^${code}$`) : code)
    assert.equal(error.status, status)
    if (standard !== undefined) assert.equal(error.standard, standard)
    return true
  })
}

describe('a good token', () => {
  test('gives the facts, and only verified ones', async () => {
    const { present, issuer, client } = setUp()
    const { facts } = await present(issuer.token())
    assert.equal(facts.domain, DOMAIN)
    assert.deepEqual(facts.subject, { iss: ISSUER, sub: 'usr_1' })
    assert.equal(facts.actors[0]?.agent, AGENT)
    assert.equal(facts.actors[0]?.owner, OWNER)
    assert.equal(facts.proof, 'dpop')
    assert.equal(facts.jkt, jktOf(client.publicKey))
    assert.equal(facts.signingKey, issuer.kid)
    assert.ok(Object.isFrozen(facts.actors))
  })

  test('is verified once and remembered; the proof is verified every time', async () => {
    const { present, issuer, authenticator } = setUp()
    const token = issuer.token()
    await present(token)
    await present(token)
    assert.equal(authenticator.cached, 1)
    await refusedWith(present(token, { claims: { ath: 'x' } }), 'dpop_proof_invalid')
  })

  test('an agent that acts for itself is its own actor', async () => {
    const { present, issuer } = setUp()
    const sub = `spiffe://as.example/agent/${AGENT}`
    const { facts } = await present(issuer.token({ sub, act: undefined }))
    assert.deepEqual(facts.actors, [{ party: { iss: ISSUER, sub }, agent: AGENT, owner: OWNER }])
  })
})

describe('tokens and JOSE', () => {
  const withHeader = (header: Record<string, unknown>) => {
    const world = setUp()
    return { world, token: world.issuer.token({}, header) }
  }

  for (const alg of ['none', 'None', 'nOnE', ''])
    test(`1: alg ${JSON.stringify(alg)}`, async () => {
      const { world, token } = withHeader({ alg })
      await refusedWith(world.present(token), 'token_invalid', 401, 'invalid_token')
      await refusedWith(world.present(`${token.split('.').slice(0, 2).join('.')}.`), /token_invalid|request_malformed/)
    })

  test('2: the public key used as an HS256 secret', async () => {
    const { present, issuer, client, clock } = setUp()
    const good = issuer.token().split('.')
    const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: issuer.kid })).toString('base64url')
    const secret = issuer.keys.publicKey.export({ format: 'pem', type: 'spki' })
    const mac = createHmac('sha256', secret).update(`${head}.${good[1]}`).digest('base64url')
    await refusedWith(present(`${head}.${good[1]}.${mac}`), 'token_invalid')
    assert.ok(client && clock)
  })

  for (const alg of ['RS256', 'ES384', 'EdDSA', 'PS256'])
    test(`3: the header says ${alg}, the key is for ES256`, async () => {
      const { world, token } = withHeader({ alg })
      await refusedWith(world.present(token), 'token_invalid')
    })

  for (const kid of [
    '../../key-1',
    'https://evil.example/k',
    "' OR 1=1 --",
    'k'.repeat(10_000),
    '',
    undefined,
    '__proto__',
  ])
    test(`4: kid ${JSON.stringify(kid)?.slice(0, 30)}`, async () => {
      const { world, token } = withHeader({ kid })
      await refusedWith(world.present(token), 'token_invalid')
    })

  for (const member of ['jwk', 'jku', 'x5u', 'x5c'])
    test(`5: the header brings ${member}`, async () => {
      const { present, client, issuer } = setUp()
      const value = member === 'jwk' ? jwkOf(client.publicKey) : 'https://evil.example/keys'
      await refusedWith(present(issuer.token({}, { [member]: value })), 'token_invalid')
    })

  for (const extra of [{ crit: ['exp'] }, { crit: [] }, { crit: ['b64'], b64: false }, { b64: false }])
    test(`6: header ${JSON.stringify(extra)}`, async () => {
      const { world, token } = withHeader(extra)
      await refusedWith(world.present(token), 'token_invalid')
    })

  for (const typ of [
    'JWT',
    'secevent+jwt',
    'logout+jwt',
    'dpop+jwt',
    'client-authentication+jwt',
    'txntoken+jwt',
    undefined,
  ])
    test(`7: typ ${typ} is no access token`, async () => {
      const { world, token } = withHeader({ typ })
      await refusedWith(world.present(token), 'token_invalid')
    })

  test('8: five segments (JWE), zip, and an oversized token', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await refusedWith(present(`${token}.AAAA.AAAA`), 'token_invalid')
    await refusedWith(present(issuer.token({}, { zip: 'DEF' })), 'token_invalid')
    await refusedWith(present(issuer.token({ more: 'x'.repeat(20_000) })), 'token_invalid')
  })

  test('9: r = s = 0, a DER signature, a padded one', async () => {
    const { present, issuer } = setUp()
    const [head, body] = issuer.token().split('.')
    for (const signature of [
      Buffer.alloc(64),
      Buffer.alloc(65),
      Buffer.from('3006020101020101', 'hex'),
      Buffer.alloc(0),
    ])
      await refusedWith(
        present(`${head}.${body}.${signature.toString('base64url')}`),
        /token_invalid|request_malformed/,
      )
  })

  test('10: one token has one spelling', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await present(token)
    const [head = '', body = '', tail = ''] = token.split('.')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet[alphabet.indexOf(tail.at(-1) ?? '') ^ 1]
    await refusedWith(present(`${head}.${body}.${tail.slice(0, -1)}${last}`), 'token_invalid')
    await refusedWith(present(`${token}=`), 'token_invalid')
    await refusedWith(present(`${token} `), 'request_malformed', 400)
    await refusedWith(present(`${head}=.${body}.${tail}`), /token_invalid|request_malformed/, 400)
  })

  for (const value of ['1800000300', 1.5, -1, 1e308, null, undefined, true])
    for (const claim of ['exp', 'iat', 'nbf'])
      test(`11: ${claim} is ${JSON.stringify(value)}`, async () => {
        const { present, issuer } = setUp()
        if (claim === 'nbf' && value === undefined) return void (await present(issuer.token({ nbf: undefined })))
        await refusedWith(present(issuer.token({ [claim]: value })), /token_invalid|token_not_yet_valid/)
      })

  for (const skewSeconds of [0, 30])
    test(`12: exp is outside at skew ${skewSeconds}, also for a remembered token`, async () => {
      const { present, issuer, clock } = setUp({ skewSeconds })
      const token = issuer.token({ exp: Math.floor(clock.now() / 1000) + 10 })
      clock.advance((10 + skewSeconds) * 1000 - 1)
      await present(token)
      clock.advance(1)
      await refusedWith(present(token), 'token_expired')
      const other = setUp({ skewSeconds })
      const now = Math.floor(other.clock.now() / 1000)
      const past = other.issuer.token({ iat: now - 300, exp: now - skewSeconds })
      await refusedWith(other.present(past), 'token_expired')
    })

  test('13: iat an hour ahead', async () => {
    const { present, issuer, clock } = setUp()
    const iat = Math.floor(clock.now() / 1000) + 3600
    await refusedWith(present(issuer.token({ iat, exp: iat + 300 })), 'token_not_yet_valid')
  })

  for (const aud of [
    [RESOURCE],
    [RESOURCE, 'https://other.example'],
    'https://api.example/mcp',
    `${RESOURCE}/`,
    RESOURCE.toUpperCase(),
    RESOURCE.replace('api.example', 'api.example:443'),
    RESOURCE.slice(0, -1),
    '',
    undefined,
  ])
    test(`14: aud ${JSON.stringify(aud)}`, async () => {
      const { present, issuer } = setUp()
      await refusedWith(present(issuer.token({ aud })), 'token_audience_refused')
    })

  test('14: a remembered token is still for its own resource only', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await present(token)
    const other = 'https://api.example/mcp/mail'
    await refusedWith(present(token, { url: other }, { url: other, resource: other }), 'token_audience_refused')
  })

  for (const iss of [
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    'http://as.example',
    'https://a@as.example',
    'https://às.example',
    3,
  ])
    test(`15: iss ${JSON.stringify(iss)}`, async () => {
      const { present, issuer } = setUp()
      await refusedWith(present(issuer.token({ iss })), 'token_issuer_refused')
    })

  test('16: signed by issuer A, claiming to be of issuer B', async () => {
    const world = testTokens()
    const b = testIssuer(world.clock, world.client, 'https://b.example')
    const issuers = [
      { issuer: ISSUER, keys: staticKeys({ a: world.issuer.keys.publicKey }), domain: DOMAIN },
      { issuer: 'https://b.example', keys: staticKeys({ b: b.keys.publicKey }), domain: DOMAIN },
    ]
    const { present } = setUp({ issuers })
    const token = world.issuer.token({ iss: 'https://b.example' }, { kid: 'a' })
    await refusedWith(present(token), 'token_invalid')
    await refusedWith(present(world.issuer.token({ iss: 'https://b.example' }, { kid: 'b' })), 'token_invalid')
  })

  for (const text of ['usr\u0000', 'usr\u202e1', 'x'.repeat(1_000_000), '', 7])
    test(`17: sub and client_id ${JSON.stringify(text).slice(0, 24)}`, async () => {
      for (const claim of ['sub', 'client_id', 'jti']) {
        const { present, issuer } = setUp()
        await refusedWith(present(issuer.token({ [claim]: text })), 'token_invalid')
      }
    })

  test('18: a claim that stands twice', async () => {
    const { present, issuer } = setUp()
    const payload = Buffer.from(issuer.token().split('.')[1] ?? '', 'base64url').toString()
    const twice = payload.replace('{', '{"sub":"usr_2",')
    const token = signRaw(issuer.keys.privateKey, { alg: 'ES256', typ: 'at+jwt', kid: issuer.kid }, twice)
    await refusedWith(present(token), 'token_invalid')
  })

  test('19: a key that was removed takes its remembered tokens with it', async () => {
    const world = testTokens()
    const keys = new Map([[world.issuer.kid, world.issuer.keys.publicKey]])
    const source = { key: (kid: string) => keys.get(kid) }
    const { present, authenticator, issuer } = setUp({ issuers: [{ issuer: ISSUER, keys: source, domain: DOMAIN }] })
    keys.set(issuer.kid, issuer.keys.publicKey)
    const token = issuer.token()
    await present(token)
    keys.delete(issuer.kid)
    await refusedWith(present(token), 'token_invalid')
    assert.equal(authenticator.cached, 0)
  })

  test('an unknown type of authorization_details cannot be weighed', async () => {
    const { present, issuer } = setUp()
    const details = [{ type: 'payment', amount: 3 }]
    await refusedWith(present(issuer.token({ authorization_details: details })), 'token_invalid')
  })

  test('a token of another domain, or of an earlier epoch', async () => {
    const { options, issuer, present, clock } = setUp()
    const foreign = { dom: 'dom_AAAAAAAAAAAAAAAAAAAAAA', feed: 1, epoch: 0 }
    await refusedWith(present(issuer.token({ credence: foreign })), 'token_invalid')
    let epoch = 0
    const issuers = options.issuers.map((one) => ({ ...one, epoch: () => epoch }))
    const later = createTokenAuthenticator({ ...options, issuers, fence: false })
    const token = issuer.token()
    const again = () => ({
      method: 'POST',
      url: RESOURCE,
      resource: RESOURCE,
      authorization: [`DPoP ${token}`],
      dpop: [proofBy(setUpClient, clock.now, { token })],
    })
    const setUpClient = pair()
    await refusedWith(Promise.resolve(later.authenticate(again())), 'dpop_key_mismatch')
    epoch = 1
    await refusedWith(Promise.resolve(later.authenticate(again())), 'token_invalid')
  })
})

describe('how a token is presented', () => {
  test('missing: a challenge without an error code', async () => {
    const { present, issuer } = setUp()
    for (const authorization of [[], ['Basic dTpw'], ['Negotiate abc']])
      await assert.rejects(present(issuer.token(), {}, { authorization }), (error) => {
        assert.ok(isCredenceError(error))
        assert.equal(error.code, 'token_missing')
        assert.equal(error.status, 401)
        assert.equal(error.standard, undefined)
        return true
      })
  })

  test('twice, joined, with rubbish, or in the query: 400', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    for (const authorization of [
      [`DPoP ${token}`, `DPoP ${token}`],
      [`DPoP ${token}, DPoP ${token}`],
      [`DPoP  ${token}`],
      ['DPoP'],
      [`Bearer ${token} x`],
      [`DPoP\t${token}`],
    ])
      await refusedWith(present(token, {}, { authorization }), 'request_malformed', 400, 'invalid_request')
    const url = `${RESOURCE}?access_token=${token}`
    await refusedWith(present(token, {}, { url }), 'request_malformed', 400)
    await refusedWith(present(token, {}, { url, authorization: [] }), 'request_malformed', 400)
  })

  test('the scheme is read without case', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await present(token, {}, { authorization: [`dpop ${token}`] })
  })
})

describe('proof of possession', () => {
  test('23: a bound token as Bearer, also with a good proof', async () => {
    const { present, issuer } = setUp({ bearer: () => true })
    const token = issuer.token()
    await refusedWith(
      present(token, {}, { authorization: [`Bearer ${token}`] }),
      'token_needs_proof',
      401,
      'invalid_token',
    )
    await refusedWith(present(token, {}, { authorization: [`Bearer ${token}`], dpop: [] }), 'token_needs_proof')
  })

  test('24: an unbound token with the DPoP scheme', async () => {
    const { present, issuer, clock } = setUp({ bearer: () => true })
    const iat = Math.floor(clock.now() / 1000)
    const token = issuer.token({ cnf: undefined, iat, exp: iat + 120 })
    await refusedWith(present(token), 'token_unbound')
  })

  test('25: a replayed proof, one after the other and fifty at once', async () => {
    const { authenticator, request, issuer } = setUp()
    const first = request(issuer.token())
    await authenticator.authenticate(first)
    await refusedWith(
      Promise.resolve(authenticator.authenticate(first)),
      'dpop_proof_replayed',
      401,
      'invalid_dpop_proof',
    )
    const second = request(issuer.token())
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => authenticator.authenticate(second)))
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  test('25: a replay at a second instance that shares `once`; the same jti by another key is another proof', async () => {
    const { options, authenticator, request, issuer, clock } = setUp()
    const second = createTokenAuthenticator({ ...options, fence: false })
    const one = request(issuer.token())
    await authenticator.authenticate(one)
    await refusedWith(Promise.resolve(second.authenticate(one)), 'dpop_proof_replayed')
    assert.ok(clock)
  })

  test('25: a store of replays that does not answer refuses', async () => {
    const once = { claim: () => Promise.reject(unavailable('once_unavailable', 'no')) }
    const { present, issuer } = setUp({ once })
    await assert.rejects(present(issuer.token()), (error) => isCredenceError(error) && error.kind === 'unavailable')
  })

  test('25: nothing seen before a restart comes back', async () => {
    const { options, authenticator, request, issuer, clock } = setUp()
    const ahead = { claims: { iat: Math.floor(clock.now() / 1000) + 5 } }
    const seen = [request(issuer.token()), request(issuer.token(), ahead)]
    for (const one of seen) await authenticator.authenticate(one)
    const { createMemoryOnce } = await import('@credence/kit')
    const restarted = createTokenAuthenticator({ ...options, once: createMemoryOnce({ clock }) })
    for (const one of seen)
      await refusedWith(Promise.resolve(restarted.authenticate(one)), 'dpop_nonce_required', 401, 'use_dpop_nonce')
    clock.advance(6_001)
    for (const one of seen)
      await refusedWith(Promise.resolve(restarted.authenticate(one)), /dpop_nonce_required|dpop_proof_stale/)
    await restarted.authenticate(request(issuer.token()))
  })

  test('25: right after a start an honest client gets through with the nonce it is given', async () => {
    const { options, request, issuer } = setUp()
    const started = createTokenAuthenticator(options)
    const token = issuer.token()
    let nonce = ''
    await assert.rejects(Promise.resolve(started.authenticate(request(token))), (error) => {
      assert.ok(isCredenceError(error))
      nonce = error.headers['DPoP-Nonce'] ?? ''
      return nonce !== ''
    })
    const again = request(token, { claims: { nonce } })
    await started.authenticate(again)
    await refusedWith(Promise.resolve(started.authenticate(again)), 'dpop_proof_replayed')
  })

  test("25: the fence stands where it was dated, and guards of one process know each other's nonces", async () => {
    const { options, request, issuer, clock } = setUp()
    const started = clock.now()
    const nonceSecret = new Uint8Array(32).fill(7)
    const guards = { ...options, fence: started, nonceSecret }
    const [early, token] = [request(issuer.token()), issuer.token()]
    clock.advance(6_001)
    const late = createTokenAuthenticator(guards)
    let nonce = ''
    await assert.rejects(Promise.resolve(late.authenticate(early)), (error) => {
      assert.ok(isCredenceError(error))
      nonce = error.headers['DPoP-Nonce'] ?? ''
      return error.code === 'dpop_nonce_required'
    })
    await late.authenticate(request(token))
    const other = createTokenAuthenticator({ ...guards, fence: clock.now() })
    await refusedWith(Promise.resolve(other.authenticate(request(token))), 'dpop_nonce_required')
    await other.authenticate(request(token, { claims: { nonce } }))
  })

  for (const method of ['post', 'GET', 'POST ', ''])
    test(`26: htm ${JSON.stringify(method)}`, async () => {
      const { present, issuer } = setUp()
      await refusedWith(present(issuer.token(), { method }), 'dpop_proof_invalid')
    })

  for (const url of [
    'https://api.example/mcp/file',
    'https://api.example/mcp/files/',
    'https://api.example/mcp%2Ffiles',
    'https://user@api.example/mcp/files',
    'https://evil.example/mcp/files',
    'http://api.example/mcp/files',
    'https://api.example:8443/mcp/files',
    'https://[fe80::1%25eth0]/mcp/files',
    'https://api.example.evil.example/mcp/files',
    '/mcp/files',
    '',
  ])
    test(`27: htu ${url} is not ours`, async () => {
      const { present, issuer } = setUp()
      await refusedWith(present(issuer.token(), { url }), 'dpop_proof_invalid')
    })

  for (const url of [
    'HTTPS://API.EXAMPLE/mcp/files',
    'https://api.example:443/mcp/files',
    'https://api.example/x/../mcp/files',
    'https://api.example/mcp/files?a=b',
    'https://api.example/mcp/files#x',
  ])
    test(`27: htu ${url} is the same after the one normalization`, async () => {
      const { present, issuer } = setUp()
      await present(issuer.token(), { url })
    })

  for (const offset of [-61, -3600, 7, 3600])
    test(`28: iat ${offset} s from now`, async () => {
      const { present, issuer, clock } = setUp()
      clock.advance(4_000_000)
      const iat = Math.floor(clock.now() / 1000) + offset
      await refusedWith(present(issuer.token(), { claims: { iat } }), 'dpop_proof_stale')
    })

  test('29: ath missing, wrong, or of another token', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await refusedWith(present(token, { claims: { ath: undefined } }), 'dpop_proof_invalid')
    await refusedWith(present(token, { claims: { ath: 'AAAA' } }), 'dpop_proof_invalid')
    await refusedWith(present(token, { token: issuer.token() }), 'dpop_proof_invalid')
  })

  test('30: no nonce where one is wanted, a foreign one, an old one', async () => {
    const { present, issuer, clock } = setUp({ nonceRequired: true })
    const { options: others } = setUp()
    const token = issuer.token()
    let nonce = ''
    for (const claims of [{}, { nonce: 'A'.repeat(30) }, { nonce: 'x' }])
      await assert.rejects(present(token, { claims }), (error) => {
        assert.ok(isCredenceError(error))
        assert.equal(error.standard, 'use_dpop_nonce')
        nonce = error.headers['DPoP-Nonce'] ?? ''
        return nonce.length > 0
      })
    await present(token, { claims: { nonce } })
    clock.advance(3_600_000)
    await refusedWith(present(issuer.token(), { claims: { nonce } }), 'dpop_nonce_required')
    assert.ok(others)
  })

  test('31: two DPoP fields, joined ones: 400; a 100 kB proof: refused', async () => {
    const { present, issuer, client, clock } = setUp()
    const token = issuer.token()
    const proof = () => proofBy(client, clock.now, { token })
    await refusedWith(present(token, {}, { dpop: [proof(), proof()] }), 'dpop_proof_repeated', 400, 'invalid_request')
    await refusedWith(present(token, {}, { dpop: [`${proof()}, ${proof()}`] }), 'dpop_proof_repeated', 400)
    await refusedWith(present(token, { claims: { more: 'x'.repeat(100_000) } }), 'dpop_proof_invalid')
    await refusedWith(present(token, {}, { dpop: [] }), 'dpop_proof_invalid')
  })

  test('32: private members or a symmetric key in the jwk of the proof', async () => {
    const { present, issuer, client } = setUp()
    const { d } = client.privateKey.export({ format: 'jwk' })
    const token = issuer.token()
    for (const jwk of [
      { ...jwkOf(client.publicKey), d },
      { kty: 'oct', k: 'AAAA' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      null,
    ])
      await refusedWith(present(token, { header: { jwk } }), 'dpop_proof_invalid')
    await present(token)
    await refusedWith(present(token, { header: { jwk: { ...jwkOf(client.publicKey), d } } }), 'dpop_proof_invalid')
  })

  test('33: the right token with another key, fresh and remembered', async () => {
    const { authenticator, request, present, issuer, clock } = setUp()
    const token = issuer.token()
    const thief = pair()
    const stolen = () => ({ ...request(token), dpop: [proofBy(thief, clock.now, { token })] })
    await refusedWith(Promise.resolve(authenticator.authenticate(stolen())), 'dpop_key_mismatch', 401)
    await present(token)
    await refusedWith(Promise.resolve(authenticator.authenticate(stolen())), 'dpop_key_mismatch', 401)
    const framed = proofBy(thief, clock.now, { token, header: { jwk: jwkOf(pair().publicKey) } })
    await refusedWith(
      Promise.resolve(authenticator.authenticate({ ...request(token), dpop: [framed] })),
      'dpop_key_mismatch',
    )
  })

  test('35: a token bound to a certificate needs more than a header', async () => {
    const { present, issuer } = setUp()
    await refusedWith(present(issuer.token({ cnf: { 'x5t#S256': 'A'.repeat(43) } })), 'token_unbound')
  })
})

describe('the bearer exception', () => {
  const bearer = (resource: string, clientId: string) => resource === RESOURCE && clientId === AGENT
  const short = (iat: number) => ({ cnf: undefined, iat, exp: iat + 120 })

  test('is off by default', async () => {
    const { present, issuer, clock } = setUp()
    const token = issuer.token(short(Math.floor(clock.now() / 1000)))
    await refusedWith(present(token, {}, { authorization: [`Bearer ${token}`], dpop: [] }), 'token_unbound')
  })

  test('lets one named client in, shows `proof: none`, and ends when it is withdrawn', async () => {
    let on = true
    const { present, issuer, clock } = setUp({ bearer: (...of) => on && bearer(...of) })
    const token = issuer.token(short(Math.floor(clock.now() / 1000)))
    const asBearer = { authorization: [`Bearer ${token}`], dpop: [] }
    const { facts } = await present(token, {}, asBearer)
    assert.equal(facts.proof, 'none')
    assert.equal(facts.jkt, undefined)
    on = false
    await refusedWith(present(token, {}, asBearer), 'token_unbound')
  })

  test('not for another client, not for a longer life', async () => {
    const { present, issuer, clock } = setUp({ bearer })
    const iat = Math.floor(clock.now() / 1000)
    const other = issuer.token({ ...short(iat), client_id: 'somebody' })
    const long = issuer.token({ ...short(iat), exp: iat + 121 })
    for (const token of [other, long])
      await refusedWith(present(token, {}, { authorization: [`Bearer ${token}`], dpop: [] }), 'token_unbound')
  })
})

describe('revocation', () => {
  const keys = { token: 'jti', agent: AGENT, owner: OWNER, domain: DOMAIN }
  for (const kind of ['agent', 'owner', 'domain'] as const)
    test(`of the ${kind}: a remembered token is flagged and forgotten`, async () => {
      const { present, issuer, revocations, authenticator } = setUp()
      const token = issuer.token()
      await present(token)
      revocations.revoke(revocationKey[kind](keys[kind]), 2)
      const { revocation } = await present(token)
      assert.equal(revocation.revoked, true)
      assert.equal(authenticator.cached, 0)
      await present(issuer.token({ credence: { dom: DOMAIN, feed: 2, epoch: 0, agt: AGENT, own: OWNER } }))
      assert.equal(authenticator.cached, 1)
    })

  test('a node that is behind the token does not judge it', async () => {
    const { present, issuer, revocations, authenticator } = setUp()
    revocations.down = true
    await assert.rejects(present(issuer.token()), (error) => isCredenceError(error) && error.kind === 'unavailable')
    assert.equal(authenticator.cached, 0)
  })
})

describe('memory', () => {
  test('the cache is bounded and makes room', async () => {
    const { present, issuer, authenticator } = setUp({ cacheSize: 8 })
    for (let n = 0; n < 50; n++) await present(issuer.token())
    assert.ok(authenticator.cached <= 8)
  })

  test('refused tokens leave nothing behind', async () => {
    const { present, issuer, authenticator } = setUp()
    for (let n = 0; n < 10; n++) await present(issuer.token({ aud: 'https://x.example' })).catch(() => undefined)
    assert.equal(authenticator.cached, 0)
  })

  test('a refusal of a token that is known carries the facts for the record', async () => {
    const { present, issuer } = setUp()
    const token = issuer.token()
    await present(token)
    await assert.rejects(present(token, { claims: { ath: 'x' } }), (error) => {
      assert.equal(refusalFacts(error as object).caller?.clientId, AGENT)
      return true
    })
  })
})

describe("somebody else's authorization server", () => {
  test('RFC 9068 without any word of ours', async () => {
    const world = testTokens()
    const issuers = [{ issuer: ISSUER, keys: staticKeys({ [world.issuer.kid]: world.issuer.keys.publicKey }) }]
    const { authenticator } = setUp({ issuers })
    const token = world.issuer.token({
      credence: undefined,
      act: undefined,
      grant_id: 'x',
      client_id: 'app',
      jti: 'any',
    })
    const presented = {
      method: 'POST',
      url: RESOURCE,
      resource: RESOURCE,
      authorization: [`DPoP ${token}`],
      dpop: [proofBy(world.client, () => world.clock.now() + 6000, { token })],
    }
    const { facts } = await authenticator.authenticate(presented)
    assert.deepEqual(facts.actors, [{ party: { iss: ISSUER, sub: 'app' } }])
    assert.match(facts.domain, /^dom_/)
    assert.equal(facts.grant, undefined)
  })
})
