import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { SafeFetch } from '@credence/kit/fetch'
import { addFiles, claimsOf, FILES, seedCode } from '../testing/seed.ts'
import { asOperator, newAgentKey, openWorld, postForm, proofOf, type World } from '../testing/world.ts'

const CLIENT = 'https://client.example/metadata.json'
const good = { client_id: CLIENT, client_name: 'Editor', redirect_uris: ['http://127.0.0.1:9999/callback'] }

describe('client-id metadata documents at the token endpoint', () => {
  let world: World
  let document: Record<string, unknown> = good
  let asked = 0
  const fetchDocument: SafeFetch = async (url) => {
    asked += 1
    const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=31536000' }
    return { status: 200, headers, bytes: Buffer.from(JSON.stringify(document)), url }
  }
  before(async () => {
    world = await openWorld({ config: { dpopNonce: 'offered' }, deps: { fetch: fetchDocument } })
    await addFiles(world)
  })
  after(() => world.close())

  const redeem = async (proven: boolean, clientId = CLIENT) => {
    const { issuer } = world.config
    const { key, jkt } = newAgentKey()
    const { form } = await seedCode(world, clientId)
    const headers = proven ? { DPoP: await proofOf(key, 'POST', `${issuer}/token`) } : undefined
    return { jkt, answer: await postForm(`${issuer}/token`, { ...form, client_id: clientId }, headers) }
  }

  test('OAuth 2.1 section 2.4: a public client with PKCE and a proof gets a bound token, fetched once for many', async () => {
    const { answer, jkt } = await redeem(true)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    const claims = claimsOf(answer.body.access_token)
    assert.deepEqual(claims.cnf, { jkt })
    assert.equal(claims.act, undefined, 'no agent of ours stands behind it')
    await redeem(true)
    assert.equal(asked, 1)
  })

  test('without a proof it is refused, until the owner of the resource names it', async () => {
    assert.equal((await redeem(false)).answer.body.error, 'invalid_dpop_proof')
    const operator = await asOperator(world)
    await operator.call('POST', '/v1/bearer', { client: CLIENT, resource: FILES })
    const { answer } = await redeem(false)
    assert.equal(answer.body.token_type, 'Bearer', JSON.stringify(answer.body))
    assert.equal(answer.body.expires_in, 120)
  })

  test('draft 02: a document that names another id, carries a secret or wants one is no client', async () => {
    for (const [path, change] of [
      ['a', { client_id: CLIENT }],
      ['b', { client_id: 'https://client.example/b.json', client_secret: 'x' }],
      ['c', { client_id: 'https://client.example/c.json', token_endpoint_auth_method: 'client_secret_post' }],
    ] as const) {
      document = { ...good, ...change }
      const { answer } = await redeem(true, `https://client.example/${path}.json`)
      assert.equal(answer.body.error, 'invalid_client', path)
    }
  })

  test('a client may not use a grant type that its document does not name', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: 'crt_x', client_id: CLIENT }
    const { key } = newAgentKey()
    const headers = { DPoP: await proofOf(key, 'POST', `${world.config.issuer}/token`) }
    const answer = await postForm(`${world.config.issuer}/token`, form, headers)
    assert.equal(answer.body.error, 'unauthorized_client')
  })
})
