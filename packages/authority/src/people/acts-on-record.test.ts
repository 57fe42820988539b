/** Acts of people on the whole authority: its policies, its feed, its ledger. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { verifyAudit } from '@credence/audit'
import { nodeKeys, nodeRandom } from '@credence/kit/node'
import type { LedgerRecord } from '@credence/model'
import { CLIENT_ASSERTION_TYPE } from '@credence/protocol/oauth'
import { ledgerDir } from '../storage.ts'
import { filesWithLever } from '../testing/full-disk.ts'
import { addAgent, addFiles, claimsOf, FILES, REDIRECT } from '../testing/seed.ts'
import {
  asOperator,
  assertionOf,
  freePort,
  getToken,
  openWorld,
  postForm,
  s256,
  type TestAgent,
  type World,
} from '../testing/world.ts'
import { createPageBrowser, createSoftwareAuthenticator, inputsOf, type PageBrowser } from './testing/index.ts'

const VERIFIER = 'v'.repeat(43)

describe('acts of people', () => {
  const files = filesWithLever()
  let world: World
  let issuer: string
  let agent: TestAgent
  let operator: Awaited<ReturnType<typeof asOperator>>
  let browser: PageBrowser
  let person: string
  before(async () => {
    const port = await freePort()
    issuer = `http://localhost:${port}`
    world = await openWorld({ config: { issuer, listen: { host: '127.0.0.1', port } }, deps: { ledgerFiles: files } })
    await addFiles(world)
    await world.authority.embedded.tellTools('files', [{ name: 'read_file' }])
    agent = await addAgent(world)
    operator = await asOperator(world)
    browser = createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
    person = await browser.enrol(world.authority.setupLink?.url ?? '', 'Ada Lovelace')
  })
  after(() => world.close())

  const request = async (): Promise<string> => {
    const pushed = await postForm(`${issuer}/par`, {
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: await assertionOf(issuer, agent),
      client_id: agent.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT,
      resource: FILES,
      code_challenge: s256(VERIFIER),
      code_challenge_method: 'S256',
      authorization_details: JSON.stringify([{ type: 'mcp_tools', locations: [FILES], tools: ['read_file'] }]),
    })
    assert.equal(pushed.status, 201, JSON.stringify(pushed.body))
    return `/authorize?${new URLSearchParams({ client_id: agent.clientId, request_uri: String(pushed.body.request_uri) })}`
  }
  /** The consent page, open; what it answers is the answer to a yes. */
  const consent = async () => {
    const page = await browser.follow(await request())
    const action = /formaction="([^"]*)\/deny"/.exec(page.text)?.[1] ?? ''
    assert.notEqual(action, '', page.text)
    const fields: [string, string][] = [
      ...inputsOf(page.text).filter(([name]) => name !== 'duration'),
      ['duration', '1h'],
    ]
    return () => browser.postForm(`${action}/allow`, fields)
  }
  const ofPage = async (): Promise<[string, string][]> =>
    inputsOf((await browser.get('/account')).text)
      .filter(([name]) => name === 'csrf')
      .slice(0, 1)
  const grants = async () => {
    const { body } = await operator.call('GET', `/v1/grants?subject=${person}`)
    return body.grants as { id: string; status: string }[]
  }
  const records = async (): Promise<LedgerRecord[]> => {
    const { body } = await operator.call('GET', '/v1/audit/records?n=1000')
    return (body.records as { record: LedgerRecord }[]).map(({ record }) => record)
  }
  const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
    for (let wait = 0; wait < 100 && !(await holds()); wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(await holds())
  }

  test('a policy that forbids consent.give: a page that says so, a refusal on record, no grant', async () => {
    const { body } = await operator.call('GET', '/v1/policies')
    const { files: policies } = (body as { source: { files: { name: string; text: string }[] } }).source
    const text = '@id("quiet-week") forbid (principal is Person, action == Action::"consent.give", resource);'
    const allow = await consent()
    assert.equal(
      (await operator.call('PUT', '/v1/policies', { files: [...policies, { name: 'q.cedar', text }] })).status,
      200,
    )
    const answer = await allow()
    assert.equal(answer.status, 403, answer.text)
    assert.match(answer.text, /quiet-week/)
    assert.match(answer.text, /policy_refused/)
    assert.deepEqual(await grants(), [])
    await eventually(async () =>
      (await records()).some(
        (one) =>
          one.kind === 'refusal' &&
          one.method === 'grant.allow' &&
          one.subject?.sub === person &&
          one.decision?.policies.includes('quiet-week') === true,
      ),
    )
    assert.equal((await operator.call('PUT', '/v1/policies', { files: policies })).status, 200)
    assert.equal((await allow()).status, 303, 'the question is still open')
  })

  test('a grant is taken back while the ledger cannot be written: nothing else is done, and the record follows', async () => {
    const end = await browser.authorize(`${issuer}${await request()}`)
    const form = {
      grant_type: 'authorization_code',
      code: end.searchParams.get('code') ?? '',
      code_verifier: VERIFIER,
      redirect_uri: REDIRECT,
    }
    const { body } = await getToken(issuer, agent, { form })
    const grant = String(claimsOf(body.access_token).grant_id)
    const [allow, csrf] = [await consent(), await ofPage()]
    files.full = true
    const before = (await grants()).length
    assert.equal((await allow()).status, 503)
    assert.equal((await browser.postForm('/account/invitations', csrf)).status, 503)
    assert.equal((await browser.postForm(`/account/grants/${grant}/revoke`, csrf)).status, 303)
    const after = await grants()
    assert.deepEqual([after.length, after.find(({ id }) => id === grant)?.status], [before, 'revoked'])
    files.full = false
    await eventually(async () => (await fetch(`${issuer}/readyz`)).status === 200)
    const refresh = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) }
    assert.equal((await getToken(issuer, agent, { form: refresh })).body.error, 'invalid_grant')
    const intent = (await records()).find((one) => one.kind === 'intent' && one.method === 'grant.revoke')
    assert.deepEqual(intent?.kind === 'intent' && [intent.name, intent.grant, intent.subject.sub], [
      grant,
      grant,
      person,
    ])
    const outcome = (await records()).find((one) => one.kind === 'outcome' && one.intent === intent?.id)
    assert.equal(outcome?.kind === 'outcome' && outcome.status, 'done')
  })

  test('an invitation that a revoked session may have made is void', async () => {
    const made = await browser.postForm('/account/invitations', await ofPage())
    const link = /http:\/\/[^<\s]*\/setup#[A-Za-z0-9_-]{43}/.exec(made.text)?.[0] ?? ''
    assert.notEqual(link, '', made.text)
    const [session] = await world.authority.embedded.db.read({
      sql: 'SELECT session_id FROM people_sessions',
      parameters: [],
    })
    const revoked = await operator.call('POST', '/v1/revocations', { kind: 'session', id: session?.session_id })
    assert.equal(revoked.status, 200, JSON.stringify(revoked.body))
    const stranger = createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
    await assert.rejects(stranger.enrol(link, 'Eve'), /410/)
    await browser.signIn()
  })

  test('the session of a revoked subject allows nothing and invites nobody, and their open invitation is void', async () => {
    const csrf = await ofPage()
    const made = await browser.postForm('/account/invitations', csrf)
    const link = /http:\/\/[^<\s]*\/setup#[A-Za-z0-9_-]{43}/.exec(made.text)?.[0] ?? ''
    assert.notEqual(link, '', made.text)
    const allow = await consent()
    const before = (await grants()).length
    const revoked = await operator.call('POST', '/v1/revocations', { kind: 'subject', id: person })
    assert.equal(revoked.status, 200, JSON.stringify(revoked.body))
    for (const answer of [await allow(), await browser.postForm('/account/invitations', csrf)]) {
      assert.equal(answer.status, 401)
      assert.match(answer.text, /signed out/)
    }
    assert.equal((await grants()).length, before)
    const stranger = createPageBrowser({
      issuer,
      fetch: (url, init) => fetch(url, init),
      authenticator: createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }),
    })
    await assert.rejects(stranger.enrol(link, 'Eve'), /410/)
  })

  test('the ledger is sound after all of it', async () => {
    const { ledger, domain } = world.authority.embedded
    await ledger.publish()
    const verdict = await verifyAudit(ledgerDir(world.config.dataDir), ledger.verifierKey, { domain: domain.id })
    assert.deepEqual([verdict.sound, verdict.findings], [true, []])
  })
})
