import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock, nodeKeys } from '@credence/kit/node'
import { handClock } from '@credence/kit/testing'
import { verifyJwt } from '@credence/protocol/jose'
import { METADATA_TYPE, metadataSource } from './metadata.ts'
import { metadataRoutes } from './metadata-routes.ts'
import { EXAMPLE_FOLDER, loadTenant } from './tenant-folder.ts'
import { openTenants } from './tenants.ts'

const keyOf = (kid: string) => ({ kid, ...nodeKeys.es256() })
type Active = ReturnType<Parameters<typeof metadataSource>[0]['signingKeys']['active']>

test('signed anew when the key rotates; no claim says `signed_metadata`; no verifier of tokens takes it', () => {
  let active = keyOf('one')
  const clock = handClock()
  const issuer = 'https://id.example'
  const source = metadataSource({ issuer, clock, signingKeys: { active: () => active as unknown as Active } })
  const first = String(source(issuer).signed_metadata)
  assert.equal(source(issuer).signed_metadata, first)
  active = keyOf('two')
  const second = String(source(issuer).signed_metadata)
  const { header, claims } = verifyJwt({ token: second, typ: METADATA_TYPE, key: active.publicKey })
  assert.deepEqual([header.kid, claims.iss, claims.policy_decision_point], ['two', issuer, issuer])
  assert.ok(!Object.hasOwn(claims, 'signed_metadata'))
  for (const typ of ['at+jwt', 'JWT', undefined])
    assert.throws(() => verifyJwt({ token: second, typ, key: active.publicKey }), { code: 'jws_type_refused' })
  assert.throws(() => verifyJwt({ token: first, typ: METADATA_TYPE, key: active.publicKey }))
})

test('the path of the issuer stands behind the well-known part, and tenants behind that', async () => {
  const known = '/.well-known/authzen-configuration'
  const paths = async (issuer: string) => {
    const tenants = await openTenants([await loadTenant({ name: 'example', folder: EXAMPLE_FOLDER, open: true })], {
      issuer,
      clock: nodeClock,
    })
    const asked: string[] = []
    const metadata = (identifier: string) => {
      asked.push(identifier)
      return { policy_decision_point: identifier, access_evaluation_endpoint: identifier }
    }
    const routes = metadataRoutes(issuer, metadata, tenants)
    for (const { handler } of routes) await handler({ params: { tenant: 'example' } } as never)
    return [routes.map(({ path }) => path), asked]
  }
  assert.deepEqual(await paths('https://id.example'), [
    [known, `${known}/:tenant`],
    ['https://id.example', 'https://id.example/example'],
  ])
  assert.deepEqual(await paths('https://example.org/a/id'), [
    [`${known}/a/id`, `${known}/a/id/:tenant`],
    ['https://example.org/a/id', 'https://example.org/a/id/example'],
  ])
})
