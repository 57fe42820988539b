import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { refused } from '@credence/kit'
import { signCompactJws, signerOf } from '../jose/index.ts'
import { refusedWith } from '../testing/refused.ts'
import {
  CLIENT_ASSERTION_TYPE,
  checkCodeVerifier,
  codeChallenge,
  createClientAssertion,
  createIntrospectionResponse,
  createServerMetadata,
  formParameters,
  IntrospectionResponse,
  isIssuer,
  metadataUrls,
  oauthErrorBody,
  parseServerMetadata,
  parseTokenQuery,
  parseTokenRequest,
  readClientAssertion,
  requireS256,
  verifyClientAssertion,
} from './index.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const NOW = 1_800_000_000_000
const seconds = NOW / 1000
const issuer = 'https://as.example'
const base = { iss: 'agt_x', sub: 'agt_x', aud: issuer, jti: 'jti-0123456789', iat: seconds, exp: seconds + 60 }
const verify = (assertion: string) =>
  verifyClientAssertion({
    assertion: readClientAssertion(assertion),
    clientId: 'agt_x',
    issuer,
    key: () => pair.publicKey,
    now: NOW,
    skewSeconds: 0,
  })
const assertion = (change: object, typ: string | undefined = 'JWT') =>
  signCompactJws(pair.privateKey, typ === undefined ? {} : { typ }, { ...base, ...change })

test('RFC 7523: an assertion that we make is accepted', async () => {
  const signer = signerOf(pair.privateKey)
  const made = await createClientAssertion({ signer, clientId: 'agt_x', issuer, jti: base.jti, iat: seconds })
  assert.equal(readClientAssertion(made).subject, 'agt_x')
  assert.equal(verify(made).replayUntil, (seconds + 60) * 1000)
})

test('RFC 7523: every other assertion is refused', () => {
  for (const change of [
    { aud: `${issuer}/token` },
    { aud: [issuer] },
    { aud: `${issuer}/` },
    { aud: undefined },
    { iss: 'agt_y' },
    { sub: 'agt_y' },
    { exp: seconds },
    { exp: seconds + 301 },
    { exp: undefined },
    { exp: String(seconds + 60) },
    { iat: seconds + 10 },
    { nbf: seconds + 10 },
    { jti: undefined },
    { jti: 'x' },
  ]) {
    refusedWith('client_assertion_refused', () => verify(assertion(change)))
  }
  for (const typ of ['at+jwt', 'dpop+jwt', 'secevent+jwt']) {
    refusedWith('client_assertion_refused', () => verify(assertion({}, typ)))
  }
  refusedWith('client_assertion_refused', () => verify('a.b.c'))
})

test('RFC 7636 appendix B, and every downgrade', () => {
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
  assert.equal(codeChallenge(verifier), challenge)
  checkCodeVerifier(challenge, verifier)
  for (const [c, v] of [
    [challenge, undefined],
    [undefined, verifier],
    [undefined, undefined],
    [challenge, `${verifier}A`],
    [verifier, verifier],
    [codeChallenge('short'), 'short'],
  ] as const) {
    refusedWith('code_verifier_refused', () => checkCodeVerifier(c, v))
  }
})

const form = (text: string) => formParameters(new URLSearchParams(text))

test('token requests: one grant each, nothing twice, no secrets', () => {
  const type = encodeURIComponent(CLIENT_ASSERTION_TYPE)
  const request = parseTokenRequest(
    form(
      `grant_type=client_credentials&scope=a+b+a&resource=https://gw.example/mcp/x&client_assertion=j&client_assertion_type=${type}`,
    ),
  )
  assert.equal(request.grantType, 'client_credentials')
  assert.deepEqual(request.authority.scope, ['a', 'b'])
  assert.deepEqual(request.authority.resources, ['https://gw.example/mcp/x'])
  const bad: [string, string][] = [
    ['grant_type_missing', 'scope=a'],
    ['grant_type_unsupported', 'grant_type=password'],
    ['parameter_repeated', 'grant_type=client_credentials&scope=a&scope=b'],
    ['parameter_repeated', 'grant_type=client_credentials&grant_type=refresh_token'],
    ['parameter_missing', 'grant_type=authorization_code'],
    ['parameter_missing', 'grant_type=refresh_token&refresh_token='],
    ['client_secret_refused', 'grant_type=client_credentials&client_secret=x'],
    ['client_assertion_incomplete', 'grant_type=client_credentials&client_assertion=x'],
    ['client_assertion_type_unknown', 'grant_type=client_credentials&client_assertion=x&client_assertion_type=y'],
    ['scope_malformed', 'grant_type=client_credentials&scope=a++b'],
    ['resource_malformed', 'grant_type=client_credentials&resource=https://x.example/%23f'],
    ['resource_malformed', 'grant_type=client_credentials&resource=files'],
    ['authorization_details_malformed', 'grant_type=client_credentials&authorization_details={}'],
    [
      'authorization_details_malformed',
      'grant_type=client_credentials&authorization_details=[{"type":"a","type":"b"}]',
    ],
    ['form_too_large', Array.from({ length: 100 }, (_, i) => `p${i}=1`).join('&')],
  ]
  for (const [code, text] of bad) refusedWith(code, () => parseTokenRequest(form(text)))
})

test('issuers have one spelling', () => {
  for (const good of ['https://as.example', 'https://as.example/t1', 'http://127.0.0.1:7420', 'http://localhost:1']) {
    assert.ok(isIssuer(good), good)
  }
  for (const bad of [
    'https://as.example/',
    'http://as.example',
    'https://as.example?x',
    'https://as.example#',
    'https://AS.example',
    'https://u@as.example',
    'as',
    'https://as.example/a/../b',
    'https://as.example:443',
  ]) {
    assert.ok(!isIssuer(bad), bad)
  }
})

test('metadata: every URL from the issuer, read back only for that issuer', () => {
  const metadata = createServerMetadata({
    issuer,
    scopes: ['a'],
    grantTypes: ['authorization_code'],
    authorizationDetailsTypes: ['mcp_tools'],
    registration: false,
  })
  assert.deepEqual(parseServerMetadata(metadata, issuer), metadata)
  requireS256(metadata)
  for (const [name, value] of Object.entries(metadata)) {
    if (name.endsWith('_endpoint')) assert.ok(String(value).startsWith(`${issuer}/`))
  }
  refusedWith('issuer_mismatch', () => parseServerMetadata(metadata, `${issuer}/`))
  refusedWith('server_metadata_refused', () =>
    parseServerMetadata({ ...metadata, token_endpoint: 'javascript:alert(1)' }, issuer),
  )
  refusedWith('server_metadata_refused', () =>
    parseServerMetadata({ ...metadata, jwks_uri: 'http://x.example/' }, issuer),
  )
  refusedWith('pkce_unsupported', () => requireS256({ issuer }))
  assert.deepEqual(metadataUrls('https://as.example/t1'), [
    'https://as.example/.well-known/oauth-authorization-server/t1',
    'https://as.example/.well-known/openid-configuration/t1',
    'https://as.example/t1/.well-known/openid-configuration',
  ])
})

test('introspection: inactive says nothing else, active is a boolean', () => {
  assert.deepEqual(createIntrospectionResponse(undefined), { active: false })
  for (const active of ['true', 1, null, undefined]) assert.ok(!IntrospectionResponse.safeParse({ active }).success)
  assert.equal(parseTokenQuery(form('token=a&token_type_hint=refresh_token')).hint, 'refresh_token')
  assert.equal(parseTokenQuery(form('token=a&token_type_hint=x')).hint, undefined)
  refusedWith('token_missing', () => parseTokenQuery(form('token=')))
})

test('error texts stay inside their member and tell nothing of our own bugs', () => {
  const body = oauthErrorBody(refused('x', 'a "quoted"\r\nline \u00e9'))
  assert.match(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
})
