import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { signCompactJws } from '../jose/index.ts'
import { refusedWith } from '../testing/refused.ts'
import { AccessTokenClaims, claimRules, parseAccessToken, signAccessToken, verifyAccessToken } from './index.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const NOW = 1_800_000_000_000
const seconds = NOW / 1000
const issuer = 'https://as.example'
const audience = 'https://gw.example/mcp/files'
const good: AccessTokenClaims = {
  iss: issuer,
  sub: 'usr_0123456789012345678901',
  aud: audience,
  client_id: 'agt_x',
  jti: 'jti_x',
  iat: seconds - 10,
  exp: seconds + 290,
  scope: 'a b',
  authorization_details: [{ type: 'mcp_tools', locations: [audience], tools: ['read'] }],
  cnf: { jkt: 'A'.repeat(43) },
  act: { iss: issuer, sub: 'spiffe://example/agent/agt_x' },
  grant_id: 'grt_x',
  txn: 'txn_x',
  credence: { dom: 'dom_x', feed: 3, epoch: 0, agt: 'agt_x' },
}
const expected = { issuer, audience, now: NOW, skewSeconds: 0 }
const keys = (kid: string) => (kid === 'k1' ? pair.publicKey : undefined)
const verify = (token: string, options: object = {}) => verifyAccessToken({ ...expected, token, keys, ...options })
const rules = (change: object, options: object = {}) => claimRules({ ...good, ...change }, { ...expected, ...options })

test('a token that we sign is one that we accept, and fits the schema', () => {
  const token = signAccessToken(pair.privateKey, 'k1', good)
  const verified = verify(token)
  assert.deepEqual(verified.claims, good)
  assert.equal(verified.kid, 'k1')
  assert.deepEqual(AccessTokenClaims.parse(verified.claims), good)
  assert.equal(parseAccessToken(token).claims.jti, 'jti_x')
})

test('every other kind of signed object is refused as an access token', () => {
  for (const typ of ['JWT', 'dpop+jwt', 'secevent+jwt', 'logout+jwt', 'txntoken+jwt', 'oauth-id-jag+jwt', undefined]) {
    const token = signCompactJws(pair.privateKey, { kid: 'k1', ...(typ === undefined ? {} : { typ }) }, good)
    refusedWith('token_invalid', () => verify(token))
  }
})

test('keys: unknown, missing and foreign ones', () => {
  refusedWith('token_invalid', () => verify(signAccessToken(pair.privateKey, 'k2', good)))
  refusedWith('token_invalid', () => verify(signCompactJws(pair.privateKey, { typ: 'at+jwt' }, good)))
  refusedWith('token_invalid', () => verify(signAccessToken(other.privateKey, 'k1', good)))
})

test('iss: no variant passes', () => {
  for (const iss of [
    `${issuer}/`,
    'https://AS.example',
    'http://as.example',
    'https://u@as.example',
    '',
    undefined,
    [issuer],
  ]) {
    refusedWith('token_issuer_refused', () => rules({ iss }))
  }
})

test('aud: one string, exactly ours', () => {
  for (const aud of [
    [audience],
    [audience, 'x'],
    `${audience}/`,
    audience.slice(0, -1),
    audience.toUpperCase(),
    undefined,
    '',
  ]) {
    refusedWith('token_audience_refused', () => rules({ aud }))
  }
  assert.ok(rules({}, { audience: ['https://x.example', audience] }))
})

test('times: whole seconds, exact borders', () => {
  for (const name of ['iat', 'exp']) {
    for (const value of ['1800000000', 1.5, -1, 1e308, null, undefined]) {
      refusedWith('token_invalid', () => rules({ [name]: value }))
    }
  }
  refusedWith('token_invalid', () => rules({ nbf: '0' }))
  const at = (exp: number, skewSeconds: number) => () => rules({ iat: seconds - 100, exp }, { skewSeconds })
  refusedWith('token_expired', at(seconds - 1, 0))
  refusedWith('token_expired', at(seconds, 0))
  assert.ok(at(seconds + 1, 0)())
  refusedWith('token_expired', at(seconds - 30, 30))
  assert.ok(at(seconds - 29, 30)())
  refusedWith('token_not_yet_valid', () => rules({ iat: seconds + 3600, exp: seconds + 3700 }))
  refusedWith('token_not_yet_valid', () => rules({ nbf: seconds + 60 }))
  refusedWith('token_invalid', () => rules({ exp: seconds + 5000 }))
  refusedWith('token_invalid', () => rules({ iat: seconds + 5, exp: seconds + 5 }, { skewSeconds: 10 }))
})

test('cnf: needed unless bearer is allowed, and then never malformed', () => {
  refusedWith('token_unbound', () => rules({ cnf: undefined }))
  assert.ok(rules({ cnf: undefined }, { bearer: 'allowed' }))
  for (const cnf of [
    {},
    null,
    'x',
    { jkt: '' },
    { jkt: 7 },
    { jkt: 'A'.repeat(42) },
    { jkt: 'A'.repeat(43), 'x5t#S256': 1 },
  ]) {
    refusedWith('token_invalid', () => rules({ cnf }, { bearer: 'allowed' }))
  }
})

test('texts: no control, hidden or direction-changing characters, no megabytes', () => {
  for (const name of ['sub', 'client_id', 'jti']) {
    for (const value of [undefined, '', 7, 'a\u0000b', 'a\u202eb', 'a\u200bb', 'a\nb', 'x'.repeat(1_000_000)]) {
      refusedWith('token_invalid', () => rules({ [name]: value }))
    }
  }
  for (const name of ['grant_id', 'sid', 'txn']) refusedWith('token_invalid', () => rules({ [name]: '' }))
})

test('act, scope, authorization_details and our own claim have their shape', () => {
  const deep = Array.from({ length: 20 }).reduce<object>((act) => ({ sub: 'x', act }), { sub: 'x' })
  for (const change of [
    { act: {} },
    { act: null },
    { act: 'x' },
    { act: { sub: '' } },
    { act: { sub: 'a', act: {} } },
    { act: deep },
    { scope: '' },
    { scope: 'a  b' },
    { scope: 'a"b' },
    { scope: ['a'] },
    { authorization_details: {} },
    { authorization_details: [{}] },
    { authorization_details: [null] },
    { authorization_details: Array.from({ length: 33 }, () => ({ type: 'x' })) },
    { credence: {} },
    { credence: { dom: 'd', feed: -1, epoch: 0 } },
    { credence: { dom: 'd', feed: 0.5, epoch: 0 } },
    { credence: { dom: 'd', feed: 1 } },
    { credence: { dom: 'd', feed: 1, epoch: 0, agt: 7 } },
  ]) {
    refusedWith('token_invalid', () => rules(change))
  }
  for (const set of [null, [], 'x', 7]) refusedWith('token_invalid', () => claimRules(set, expected))
})

test('the rules cost little beside a signature', () => {
  for (let i = 0; i < 20_000; i++) rules({})
  const begin = process.hrtime.bigint()
  for (let i = 0; i < 20_000; i++) claimRules(good, expected)
  const micros = Number(process.hrtime.bigint() - begin) / 1000 / 20_000
  // Expected near 1; the border is wide because machines are busy.
  assert.ok(micros < 25, `${micros} us`)
})
