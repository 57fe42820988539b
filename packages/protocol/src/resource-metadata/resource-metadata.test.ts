import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { refusedWith } from '../testing/refused.ts'
import {
  createChallenge,
  createResourceMetadata,
  parseAuthorization,
  parseChallenges,
  parseResourceMetadata,
  resourceMetadataUrl,
  resourceMetadataUrls,
} from './index.ts'

const resource = 'https://gw.example/mcp/files'

test('RFC 9728 3.1: where the document stands', () => {
  assert.equal(resourceMetadataUrl(resource), 'https://gw.example/.well-known/oauth-protected-resource/mcp/files')
  assert.equal(resourceMetadataUrl('https://gw.example'), 'https://gw.example/.well-known/oauth-protected-resource')
  assert.equal(resourceMetadataUrls(resource).length, 2)
})

test('metadata is read only for the resource that was asked about', () => {
  const made = createResourceMetadata({
    resource,
    authorizationServers: ['https://as.example'],
    scopes: ['a', 'offline_access'],
    dpopRequired: true,
  })
  assert.deepEqual(made.scopes_supported, ['a'])
  assert.deepEqual(parseResourceMetadata(made, resource), made)
  refusedWith('resource_mismatch', () => parseResourceMetadata(made, `${resource}/`))
  refusedWith('resource_metadata_refused', () => parseResourceMetadata({ resource: 'x' }, 'x'))
})

test('challenges are read back as they were made, several in one header', () => {
  const url = resourceMetadataUrl(resource)
  const header = [
    createChallenge({
      scheme: 'DPoP',
      error: 'invalid_token',
      resourceMetadata: url,
      algs: ['ES256'],
      scope: ['a', 'b'],
    }),
    createChallenge({ scheme: 'Bearer', resourceMetadata: url }),
    'Negotiate YWJj==',
    'Basic',
  ]
  assert.deepEqual(parseChallenges(header), [
    { scheme: 'dpop', parameters: { error: 'invalid_token', scope: 'a b', resource_metadata: url, algs: 'ES256' } },
    { scheme: 'bearer', parameters: { resource_metadata: url } },
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: {} },
  ])
  assert.deepEqual(parseChallenges('Bearer realm="a, b=\\"c\\"" , error=x'), [
    { scheme: 'bearer', parameters: { realm: 'a, b="c"', error: 'x' } },
  ])
  assert.deepEqual(parseChallenges(''), [])
})

test('no value can leave its quotes or add a challenge', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const made = createChallenge({ scheme: 'Bearer', error: 'e', errorDescription: text })
      assert.match(made, /^[\x20-\x7e]*$/)
      const [only, ...more] = parseChallenges(made)
      assert.deepEqual(more, [])
      assert.deepEqual(Object.keys(only?.parameters ?? {}), ['error', 'error_description'])
    }),
  )
})

test('malformed headers are refused, and no text makes the reader hang or crash', () => {
  for (const bad of [
    '=',
    '"x"',
    'Bearer a="',
    'Bearer a="x" b="y"',
    'Bearer a=1, a=2',
    'Bearer "x"',
    'x'.repeat(9000),
  ]) {
    refusedWith('challenge_malformed', () => parseChallenges(bad))
  }
  const pieces = fc.array(fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'a', 'a="b"', 'DPoP', '\t', ';'), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(pieces, (parts) => {
      try {
        parseChallenges(parts.join(''))
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'challenge_malformed', String(error))
      }
    }),
  )
})

test('RFC 6750 2.1: one scheme, one space, one token', () => {
  assert.deepEqual(parseAuthorization('DPoP abc'), { scheme: 'dpop', token: 'abc' })
  assert.deepEqual(parseAuthorization('bEARER a.b.c'), { scheme: 'bearer', token: 'a.b.c' })
  for (const bad of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer  a',
    'Bearer a b',
    'Bearer a,b',
    'Basic a',
    ' Bearer a',
    'Bearer a\n',
  ]) {
    assert.equal(parseAuthorization(bad), undefined)
  }
})
