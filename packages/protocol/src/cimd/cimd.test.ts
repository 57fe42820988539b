import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusedWith } from '../testing/refused.ts'
import { isClientIdUrl, isLoopbackOnly, parseClientMetadata, redirectUriMatches } from './index.ts'

const id = 'https://app.example/oauth/client.json'
const good = { client_id: id, client_name: 'App', redirect_uris: ['https://app.example/cb', 'http://127.0.0.1/cb'] }

test('client_id URLs: one spelling, nothing hidden', () => {
  assert.ok(isClientIdUrl(id))
  for (const bad of [
    'http://app.example/c',
    'https://app.example',
    'https://app.example/',
    `${id}#f`,
    `${id}?q`,
    'https://u:p@app.example/c',
    'https://app.example/a/../c',
    'https://app.example/%2e%2E/c',
    'https://APP.example/c',
    'https://app.example:443/c',
    'https://app.example\\c',
    'agt_x',
  ]) {
    assert.ok(!isClientIdUrl(bad), bad)
  }
})

test('documents that are not what they say are refused', () => {
  assert.equal(parseClientMetadata(good, id).client_name, 'App')
  const bad: [string, unknown][] = [
    ['cimd_malformed', null],
    ['cimd_malformed', []],
    ['cimd_malformed', { ...good, redirect_uris: [] }],
    ['cimd_malformed', { ...good, client_uri: 'javascript:alert(1)' }],
    ['cimd_id_mismatch', { ...good, client_id: `${id}x` }],
    ['cimd_secret', { ...good, client_secret: 's' }],
    ['cimd_auth_method', { ...good, token_endpoint_auth_method: 'client_secret_post' }],
    ['cimd_redirect_uri', { ...good, redirect_uris: ['javascript:alert(1)'] }],
    ['cimd_redirect_uri', { ...good, redirect_uris: ['http://app.example/cb'] }],
    ['cimd_redirect_uri', { ...good, redirect_uris: ['https://app.example/cb#f'] }],
    ['cimd_redirect_uri', { ...good, redirect_uris: ['https://good@evil.example/cb'] }],
    ['cimd_redirect_uri', { ...good, redirect_uris: ['https://*.example/cb'] }],
    ['jwk_set_refused', { ...good, jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
  ]
  for (const [code, document] of bad) refusedWith(code, () => parseClientMetadata(document, id))
  refusedWith('cimd_url_refused', () => parseClientMetadata(good, 'agt_x'))
})

test('redirects match exactly; a loopback literal may choose its port', () => {
  assert.ok(redirectUriMatches('http://127.0.0.1/cb', 'http://127.0.0.1:5123/cb'))
  for (const bad of [
    'http://localhost:5123/cb',
    'http://127.0.0.1:5123/cb/',
    'http://127.0.0.1:5123/cb?x',
    'https://127.0.0.1:1/cb',
    'http://127.0.0.1:5123/CB',
  ]) {
    assert.ok(!redirectUriMatches('http://127.0.0.1/cb', bad), bad)
  }
  assert.ok(!redirectUriMatches('https://app.example/cb', 'https://app.example:8443/cb'))
  assert.ok(isLoopbackOnly({ redirect_uris: ['http://127.0.0.1/cb'] }))
  assert.ok(!isLoopbackOnly(good))
})
