import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { toBase64url } from '@credence/kit'
import { nodeKeys, nodeRandom } from '@credence/kit/node'
import { CLIENT_ASSERTION_TYPE } from '@credence/protocol/oauth'
import { createPageBrowser, createSoftwareAuthenticator, type PageBrowser } from './people/testing/index.ts'
import { addAgent, addFiles, claimsOf, FILES, REDIRECT } from './testing/seed.ts'
import {
  askToken,
  asOperator,
  assertionOf,
  callApi,
  freePort,
  freshNonce,
  getToken,
  newAgentKey,
  openWorld,
  postForm,
  proofOf,
  s256,
  type TestAgent,
  type World,
} from './testing/world.ts'

describe('from the first owner to a token, through the public pages', () => {
  let world: World
  let agent: TestAgent
  let browser: PageBrowser
  let issuer: string

  before(async () => {
    const port = await freePort()
    issuer = `http://localhost:${port}`
    world = await openWorld({ config: { issuer, listen: { host: '127.0.0.1', port } } })
    await addFiles(world)
    await tellTools()
    agent = await addAgent(world)
    browser = createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
    await browser.enrol(world.authority.setupLink?.url ?? '', 'Ada Lovelace')
  })
  after(() => world.close())

  const tellTools = async (): Promise<void> => {
    const operator = await asOperator(world)
    const { key, jwk, jkt } = newAgentKey()
    const { body } = await operator.call('POST', '/v1/agents', { name: 'gateway', keys: [jwk], role: 'node' })
    const node = { clientId: String(body.id), key, jkt }
    const given = await getToken(issuer, node, { form: { resource: `${issuer}/v1`, scope: 'node' } })
    const tools = [{ name: 'read_file', description: 'Reads' }, { name: 'write_file' }]
    const token = String(given.body.access_token)
    const told = await callApi(issuer, node, token, 'PUT', '/v1/servers/files/tools', { tools })
    assert.equal(told.status, 204, JSON.stringify(told.body))
    const state = await callApi(issuer, node, token, 'GET', '/v1/state')
    assert.equal(state.status, 200, JSON.stringify(state.body))
    const polled = await callApi(issuer, node, token, 'POST', '/v1/feed', { from: 0, waitMs: 0 })
    assert.equal((polled.body.entries as unknown[]).length, polled.body.head)
  }

  /** Where a browser is sent with a pushed request. */
  const asked = async (verifier: string): Promise<string> => {
    const pushed = await postForm(`${issuer}/par`, {
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: await assertionOf(issuer, agent),
      client_id: agent.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT,
      resource: FILES,
      scope: 'openid mcp:tools',
      nonce: 'n-1',
      state: 'st-1',
      code_challenge: s256(verifier),
      code_challenge_method: 'S256',
      dpop_jkt: agent.jkt,
      authorization_details: JSON.stringify([{ type: 'mcp_tools', locations: [FILES], tools: ['read_file'] }]),
    })
    assert.equal(pushed.status, 201, JSON.stringify(pushed.body))
    const query = new URLSearchParams({ client_id: agent.clientId, request_uri: String(pushed.body.request_uri) })
    return `/authorize?${query}`
  }

  const code = async (): Promise<{ form: Record<string, string> }> => {
    const verifier = toBase64url(nodeRandom.bytes(32))
    const end = await browser.authorize(issuer + (await asked(verifier)))
    assert.equal(end.searchParams.get('iss'), issuer)
    const given = end.searchParams.get('code') ?? ''
    return { form: { grant_type: 'authorization_code', code: given, code_verifier: verifier, redirect_uri: REDIRECT } }
  }

  test('the token says no more than the person allowed, and the ledger says how it came about', async () => {
    const { form } = await code()
    const { status, body } = await getToken(issuer, agent, { form })
    assert.equal(status, 200, JSON.stringify(body))
    const claims = claimsOf(body.access_token)
    assert.deepEqual(claims.authorization_details, [{ type: 'mcp_tools', locations: [FILES], tools: ['read_file'] }])
    assert.equal(claimsOf(body.id_token).nonce, 'n-1')
    const operator = await asOperator(world)
    const trace = await operator.call('GET', `/v1/audit/trace/${String(claims.grant_id)}`)
    const methods = (trace.body.records as { record: { method?: string } }[]).map(({ record }) => record.method)
    assert.ok(methods.includes('grant.allow') && methods.includes('token.issue'), JSON.stringify(methods))
  })

  test('the consent page says what our registry says of a tool, not what its server does', async () => {
    const operator = await asOperator(world)
    const page = async (): Promise<string> => (await browser.follow(await asked('v'.repeat(43)))).text
    assert.match(await page(), /Not labelled: may change things/)
    const labels = { read_file: { effect: 'delete', reversible: false, untrusted: true } }
    const labelled = await operator.call('PUT', '/v1/servers/files/labels', { labels })
    assert.equal(labelled.status, 200, JSON.stringify(labelled.body))
    assert.match(await page(), /Deletes, cannot be undone, returns what strangers wrote/)
  })

  test('RFC 9449 section 10.1: a pushed request is bound to the key of its proof, with the nonces of the token endpoint', async () => {
    const push = async (nonce: string | undefined, more: Record<string, string> = {}) => {
      const proof = await proofOf(agent.key, 'POST', `${issuer}/par`, nonce === undefined ? {} : { nonce })
      const form = {
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: await assertionOf(issuer, agent),
        client_id: agent.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT,
        resource: FILES,
        code_challenge: s256('v'.repeat(43)),
        code_challenge_method: 'S256',
        ...more,
      }
      return { proof, form, answer: await postForm(`${issuer}/par`, form, { DPoP: proof }) }
    }
    const without = await push(undefined)
    assert.equal(without.answer.body.error, 'use_dpop_nonce')
    const nonce = await freshNonce(issuer, agent)
    const taken = await push(nonce)
    assert.equal(taken.answer.status, 201, JSON.stringify(taken.answer.body))
    const again = { ...taken.form, client_assertion: await assertionOf(issuer, agent) }
    const replayed = await postForm(`${issuer}/par`, again, { DPoP: taken.proof })
    assert.equal(replayed.body.error, 'invalid_dpop_proof')
    const other = await push(nonce, { dpop_jkt: newAgentKey().jkt })
    assert.equal(other.answer.body.error, 'invalid_dpop_proof')

    const query = new URLSearchParams({ client_id: agent.clientId, request_uri: String(taken.answer.body.request_uri) })
    const end = await browser.authorize(`${issuer}/authorize?${query}`)
    const form = {
      grant_type: 'authorization_code',
      code: end.searchParams.get('code') ?? '',
      code_verifier: 'v'.repeat(43),
      redirect_uri: REDIRECT,
    }
    const thief = await proofOf(newAgentKey().key, 'POST', `${issuer}/token`, {
      nonce: await freshNonce(issuer, agent),
    })
    assert.equal((await askToken(issuer, agent, { form, proof: thief })).body.error, 'invalid_grant')
    assert.equal((await getToken(issuer, agent, { form })).status, 200)
  })

  test('a grant that was revoked ends its family: the refresh token is worth nothing', async () => {
    const { form } = await code()
    const { body } = await getToken(issuer, agent, { form })
    const operator = await asOperator(world)
    const grant = String(claimsOf(body.access_token).grant_id)
    await operator.call('POST', `/v1/grants/${grant}/revoke`)
    const refresh = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) }
    assert.equal((await getToken(issuer, agent, { form: refresh })).body.error, 'invalid_grant')
  })
})
