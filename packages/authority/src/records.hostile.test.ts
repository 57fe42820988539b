/** Whoever is recorded must not choose whether the record can be read, and no record may stop the ones after it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeRecord } from '@credence/audit'
import { CLIENT_ASSERTION_TYPE } from '@credence/protocol/oauth'
import { addAgent, addFiles, claimsOf, FILES } from './testing/seed.ts'
import {
  asOperator,
  assertionOf,
  freshNonce,
  getToken,
  openWorld,
  proofOf,
  type TestAgent,
  type World,
} from './testing/world.ts'

describe('records that somebody else would like to shape', () => {
  let world: World
  let agent: TestAgent
  let issuer: string
  before(async () => {
    world = await openWorld({ config: { dynamicRegistration: true } })
    issuer = world.config.issuer
    await addFiles(world)
    agent = await addAgent(world)
  })
  after(() => world.close())

  const everyRecordReads = async (): Promise<void> => {
    const { ledger } = world.authority.embedded
    for await (const { index, entry } of ledger.entries(0, ledger.size()))
      assert.doesNotThrow(() => decodeRecord(entry), `entry ${index}: ${Buffer.from(entry).toString().slice(0, 300)}`)
  }

  const issuedWith = async (traceparent: string): Promise<Response> => {
    const nonce = await freshNonce(issuer, agent)
    return fetch(`${issuer}/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        DPoP: await proofOf(agent.key, 'POST', `${issuer}/token`, { nonce }),
        traceparent,
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        resource: FILES,
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: await assertionOf(issuer, agent),
      }),
    })
  }

  test('a trace header of any form leaves a record that an auditor finds by the token', async () => {
    for (const traceparent of ['x'.repeat(200), 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln', `00-${'a'.repeat(80)}`]) {
      const answer = await issuedWith(traceparent)
      assert.equal(answer.status, 200, await answer.clone().text())
      const { access_token: token } = (await answer.json()) as { access_token: string }
      const operator = await asOperator(world)
      const found = await operator.call('GET', `/v1/audit/trace/${String(claimsOf(token).jti)}`)
      const kinds = (found.body.records as { record: { kind: string } }[]).map(({ record }) => record.kind)
      assert.ok(kinds.includes('intent'), JSON.stringify(found.body))
    }
    await everyRecordReads()
  })

  test('acts of administration with long lists and long names are readable records', async () => {
    const operator = await asOperator(world)
    const current = await operator.call('GET', '/v1/policies')
    const { files } = (current.body as { source: { files: { name: string; text: string }[] } }).source
    const more = Array.from({ length: 150 }, (_, n) => ({ name: `part-${String(n).padStart(3, '0')}.cedar`, text: '' }))
    const applied = await operator.call('PUT', '/v1/policies', { files: [...files, ...more] })
    assert.equal(applied.status, 200, JSON.stringify(applied.body).slice(0, 300))
    const long = `https://client.example/${'c'.repeat(900)}`
    const registered = await operator.call('POST', '/register', { redirect_uris: [long, `${long}2`] })
    assert.equal(registered.status, 201, JSON.stringify(registered.body))
    const allowed = await operator.call('POST', '/v1/bearer', { client: long, resource: FILES })
    assert.equal(allowed.status, 201, JSON.stringify(allowed.body))
    await everyRecordReads()
  })

  test('a withdrawal of something with a strange name holds nothing up', async () => {
    const operator = await asOperator(world)
    for (const id of ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln', '\u0000'.repeat(512), '\u{10ffff}'.repeat(256)]) {
      const answer = await operator.call('POST', '/v1/revocations', { kind: 'session', id })
      assert.ok(answer.status === 200 || answer.status === 400, JSON.stringify(answer.body))
      const next = await getToken(issuer, agent, { form: { resource: FILES } })
      assert.equal(next.status, 200, `${id.slice(0, 20)}: ${JSON.stringify(next.body)}`)
    }
    assert.equal((await fetch(`${issuer}/readyz`)).status, 200)
    await everyRecordReads()
  })
})
