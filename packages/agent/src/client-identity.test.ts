import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SafeFetch } from '@credence/kit/fetch'
import { createClientIdentity } from './client-identity.ts'

const DOCUMENT = 'https://agent.example/client.json'
const server = (issuer: string, more: object = {}) => ({ issuer, registration_endpoint: `${issuer}/register`, ...more })

const registrar = (answers: readonly (readonly [status: number, body: unknown])[]) => {
  const asked: { url: string; body: Record<string, unknown> }[] = []
  const fetch: SafeFetch = async (url, request) => {
    asked.push({ url, body: JSON.parse(String(request?.body)) as Record<string, unknown> })
    const [status, body] = answers[Math.min(asked.length, answers.length) - 1] ?? [500, {}]
    return { status, headers: {}, bytes: Buffer.from(JSON.stringify(body)), url }
  }
  return { asked, fetch }
}

const identityWith = (fetch: SafeFetch, clientId = DOCUMENT, registers = true) =>
  createClientIdentity({
    clientId,
    redirectUri: 'http://127.0.0.1/callback',
    fetch,
    ...(registers ? { registration: { name: 'Agent' } } : {}),
  })

describe('the id of an agent at an issuer', () => {
  test('is its document where the server reads documents, and the registered one always', async () => {
    const { asked, fetch } = registrar([[201, { client_id: 'c1' }]])
    const reads = server('https://a.example', { client_id_metadata_document_supported: true })
    assert.equal(await identityWith(fetch).at(reads), DOCUMENT)
    assert.equal(await identityWith(fetch, 'agt_1').at(server('https://a.example')), 'agt_1')
    assert.equal(await identityWith(fetch, DOCUMENT, false).at(server('https://a.example')), DOCUMENT)
    assert.equal(asked.length, 0)
  })

  test('RFC 7591: registered once for many, as a public native client', async () => {
    const { asked, fetch } = registrar([[201, { client_id: 'c1', client_secret: 'not kept' }]])
    const identity = identityWith(fetch)
    assert.equal(identity.known('https://a.example'), undefined)
    const ids = await Promise.all(Array.from({ length: 20 }, () => identity.at(server('https://a.example'))))
    assert.deepEqual(new Set(ids), new Set(['c1']))
    assert.equal(identity.known('https://a.example'), 'c1')
    assert.equal(asked.length, 1)
    assert.equal(asked[0]?.body.token_endpoint_auth_method, 'none')
    assert.equal(asked[0]?.body.application_type, 'native')
  })

  test('an id that one issuer gave is not shown to another', async () => {
    const { fetch } = registrar([
      [201, { client_id: 'c1' }],
      [201, { client_id: 'c2' }],
    ])
    const identity = identityWith(fetch)
    assert.equal(await identity.at(server('https://a.example')), 'c1')
    assert.equal(identity.known('https://b.example'), undefined)
    assert.equal(await identity.at(server('https://b.example')), 'c2')
  })

  test('a server that refuses, insists on a secret, or answers nonsense gives none; the next try may', async () => {
    for (const answer of [
      [400, { error: 'invalid_client_metadata' }],
      [201, { client_id: 'c', token_endpoint_auth_method: 'client_secret_basic' }],
      [201, { client_id: 7 }],
      [201, { client_id: '' }],
      [201, []],
      [201, 'c'],
    ] as const) {
      const { fetch } = registrar([answer, [201, { client_id: 'good' }]])
      const identity = identityWith(fetch)
      await assert.rejects(identity.at(server('https://a.example')), { code: 'registration_refused' })
      assert.equal(await identity.at(server('https://a.example')), 'good')
    }
    const { fetch } = registrar([])
    await assert.rejects(identityWith(fetch).at({ issuer: 'https://a.example' }), { code: 'client_unknown' })
  })
})
