import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { exportJWK, SignJWT } from 'jose'
import { publicJwkOf, signCompactJws, signerOf, thumbprint } from '../jose/index.ts'
import { refusedWith } from '../testing/refused.ts'
import { accessTokenHash, createNonce, createProof, normalizeHtu, verifyNonce, verifyProof } from './index.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = publicJwkOf(pair.publicKey)
const url = 'https://gw.example/mcp/files'
const NOW = 1_800_000_000_000
const iat = NOW / 1000
const claims = { jti: 'jti-0123456789', htm: 'POST', htu: url, iat }
const header = { typ: 'dpop+jwt', jwk }

const proof = (change: object = {}, head: object = header): string =>
  signCompactJws(pair.privateKey, head, { ...claims, ...change })
const verify = (text: string | undefined, options: object = {}) =>
  verifyProof({ proof: text, method: 'POST', url, now: NOW, ...options })

test('a proof that we make is one that we accept', async () => {
  const made = await createProof({
    signer: signerOf(pair.privateKey),
    method: 'POST',
    url: `${url}?q=1#f`,
    jti: 'jti-0123456789',
    iat,
    accessToken: 'token',
    nonce: 'n',
  })
  const verified = verify(made, { accessTokenHash: accessTokenHash('token'), expectedJkt: thumbprint(jwk) })
  assert.equal(verified.jkt, thumbprint(jwk))
  assert.equal(verified.nonce, 'n')
  assert.equal(verified.replayUntil, NOW + 65_000)
})

test('a proof of another implementation is accepted', async () => {
  const made = await new SignJWT({ ...claims, ath: accessTokenHash('token') })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(pair.publicKey) })
    .sign(pair.privateKey)
  assert.ok(verify(made, { accessTokenHash: accessTokenHash('token') }).jkt)
})

test('RFC 9449 4.3 rule 2: exactly one well-formed proof', () => {
  for (const bad of [undefined, '', 'x', 'a.b.c', `${proof()}, ${proof()}`, `${proof()}=`, 'a'.repeat(100_000)]) {
    refusedWith('dpop_proof_invalid', () => verify(bad))
  }
})

test('rule 3: every required claim stands and has its kind', () => {
  for (const [name, values] of Object.entries({
    jti: [undefined, '', 'short', 7, 'x'.repeat(300)],
    htm: [undefined, 7],
    htu: [undefined, 7, 'not a url', 'ftp://gw.example/mcp/files'],
    iat: [undefined, String(iat), iat + 0.5, -1, 1e308],
  })) {
    for (const value of values) refusedWith('dpop_proof_invalid', () => verify(proof({ [name]: value })))
  }
})

test('rules 4 to 7: type, algorithm, key', () => {
  const privateJwk = pair.privateKey.export({ format: 'jwk' })
  for (const head of [
    { jwk },
    { typ: 'JWT', jwk },
    { typ: 'DPoP+jwt', jwk },
    { typ: 'dpop+jwt' },
    { typ: 'dpop+jwt', jwk: privateJwk },
    { typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'AAAA' } },
    { typ: 'dpop+jwt', jwk: publicJwkOf(stranger.publicKey) },
    { typ: 'dpop+jwt', jwk, crit: ['exp'] },
    { typ: 'dpop+jwt', jwk: null },
  ]) {
    refusedWith('dpop_proof_invalid', () => verify(proof({}, head)))
  }
})

test('rule 5: ES256 only', () => {
  const ed = generateKeyPairSync('ed25519')
  const other = signCompactJws(ed.privateKey, { typ: 'dpop+jwt', jwk: publicJwkOf(ed.publicKey) }, claims)
  refusedWith('dpop_proof_invalid', () => verify(other))
})

test('rule 8: the method is compared with case', () => {
  for (const htm of ['post', 'GET', 'POST ']) refusedWith('dpop_proof_invalid', () => verify(proof({ htm })))
})

test('rule 9: one documented normalization of htu', () => {
  for (const htu of [
    'https://GW.example:443/mcp/files',
    'HTTPS://gw.example/mcp/../mcp/files',
    `${url}?a=1`,
    `${url}#f`,
  ]) {
    assert.ok(verify(proof({ htu })))
  }
  for (const htu of [
    `${url}/`,
    'https://gw.example/mcp%2Ffiles',
    'https://gw.example/MCP/files',
    'https://gw.example:8443/mcp/files',
    'http://gw.example/mcp/files',
    'https://user@gw.example/mcp/files',
    'https://gw.example.evil/mcp/files',
  ]) {
    refusedWith('dpop_proof_invalid', () => verify(proof({ htu })))
  }
  assert.equal(normalizeHtu('https://X.example:443'), 'https://x.example/')
})

test('rule 10: a needed nonce is asked for, a wrong one too, and only the holder of the key is told', () => {
  const rule = (required: boolean) => ({ nonce: { required, accepts: (nonce: string) => nonce === 'good' } })
  assert.equal(verify(proof({ nonce: 'good' }), rule(true)).nonce, 'good')
  assert.ok(verify(proof(), rule(false)))
  refusedWith('dpop_nonce_required', () => verify(proof(), rule(true)))
  refusedWith('dpop_nonce_required', () => verify(proof({ nonce: 'bad' }), rule(false)))
  refusedWith('dpop_proof_invalid', () => verify(proof({ nonce: 7 }), rule(true)))
  const [head, body] = proof().split('.')
  refusedWith('dpop_proof_invalid', () => verify(`${head}.${body}.${'A'.repeat(86)}`, rule(true)))
})

test('rule 11: both borders of the window are inside', () => {
  for (const at of [iat - 60, iat + 5]) assert.ok(verify(proof({ iat: at })))
  for (const at of [iat - 61, iat + 6, iat + 3600, iat - 3600]) {
    refusedWith('dpop_proof_stale', () => verify(proof({ iat: at })))
  }
})

test('rule 12: the proof belongs to this token', () => {
  const options = { accessTokenHash: accessTokenHash('token') }
  assert.ok(verify(proof({ ath: accessTokenHash('token') }), options))
  for (const ath of [undefined, accessTokenHash('other'), '', 7]) {
    refusedWith('dpop_proof_invalid', () => verify(proof({ ath }), options))
  }
})

test('the key is the one that the token is bound to, on the fast path as well', () => {
  const first = verify(proof())
  const again = verify(proof({ jti: 'another-jti-1' }), { expected: first })
  assert.equal(again.key, first.key)
  assert.ok(verify(proof(), { expected: { key: first.key, jkt: first.jkt, canonicalJwk: first.canonicalJwk } }))
  const stolen = signCompactJws(stranger.privateKey, { typ: 'dpop+jwt', jwk: publicJwkOf(stranger.publicKey) }, claims)
  refusedWith('dpop_key_mismatch', () => verify(stolen, { expected: first }))
  refusedWith('dpop_key_mismatch', () => verify(stolen, { expectedJkt: first.jkt }))
  // The header of the right key over a signature of another one.
  const [, body] = stolen.split('.')
  const [head] = proof().split('.')
  const signature = signerOf(stranger.privateKey).sign(Buffer.from(`${head}.${body}`))
  assert.ok(signature instanceof Uint8Array)
  refusedWith('dpop_proof_invalid', () =>
    verify(`${head}.${body}.${Buffer.from(signature).toString('base64url')}`, { expected: first }),
  )
})

test('nonces: of this server, of this purpose, of this time', () => {
  const secret = randomBytes(32)
  const nonce = createNonce({ secret, purpose: 'rs', now: NOW })
  const check = (options: object) => verifyNonce({ secrets: [secret], purpose: 'rs', nonce, now: NOW, ...options })
  assert.ok(check({}))
  assert.ok(check({ now: NOW + 240_000 }))
  assert.ok(check({ secrets: [randomBytes(32), secret] }))
  assert.ok(!check({ now: NOW + 420_000 }))
  assert.ok(!check({ now: NOW - 180_000 }))
  assert.ok(!check({ purpose: 'as' }))
  assert.ok(!check({ secrets: [randomBytes(32)] }))
  assert.ok(!check({ secrets: [] }))
  fc.assert(fc.property(fc.base64String(), (text) => !check({ nonce: text })))
  for (let at = 0; at < nonce.length; at++) {
    assert.ok(!check({ nonce: nonce.slice(0, at) + (nonce[at] === 'A' ? 'B' : 'A') + nonce.slice(at + 1) }))
  }
})
