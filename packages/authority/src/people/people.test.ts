import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { nodeClock, nodeKeys, nodeRandom } from '@credence/kit/node'
import { createWorld, type World } from '../front/testing/world.ts'
import { type AuthenticatorLevers, createPageBrowser, createSoftwareAuthenticator, inputsOf } from './testing/index.ts'

let world: World
let now = 0
before(async () => {
  world = await createWorld({
    deps: { clock: { now: () => Date.now() + now, monotonic: () => nodeClock.monotonic() } },
  })
})
after(() => world.close())

const authenticator = createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom })
const browserWith = () =>
  createPageBrowser({ issuer: world.issuer, fetch: (url, init) => fetch(url, init), authenticator })

describe('the first owner', () => {
  it('shows the page without looking at the link, and refuses unknown links', async () => {
    const page = await world.browser().get('/setup')
    assert.equal(page.status, 200)
    await assert.rejects(world.browser().enrol(`${world.issuer}/setup#${'x'.repeat(43)}`, 'Eve'), /410/)
  })
  it('refuses a link after ten minutes', async () => {
    const { url } = await world.front.people.createSetupLink()
    now = 10 * 60_000 + 1
    await assert.rejects(world.browser().enrol(url, 'Eve'), /410/)
    now = 0
  })
  it('refuses an older link when a newer one was made', async () => {
    const old = await world.front.people.createSetupLink()
    await world.front.people.createSetupLink()
    await assert.rejects(world.browser().enrol(old.url, 'Eve'), /410/)
  })
  it('refuses enrolment from another origin and names that deceive', async () => {
    const { url } = await world.front.people.createSetupLink()
    const token = new URL(url).hash.slice(1)
    const browser = world.browser()
    const foreign = await browser.postJson(
      '/setup/passkey/options',
      { token, name: 'Eve' },
      { origin: 'https://evil.example' },
    )
    assert.equal(foreign.status, 403)
    for (const name of ['', ' ', 'a\u202eb', 'x'.repeat(81), 'a\nb']) {
      assert.equal((await browser.postJson('/setup/passkey/options', { token, name })).status, 400)
    }
  })
  it('refuses a passkey without user verification, for another origin and for another host; then takes an honest one with the same link', async () => {
    const { url } = await world.front.people.createSetupLink()
    const token = new URL(url).hash.slice(1)
    const browser = browserWith()
    const attempt = async (levers: AuthenticatorLevers) => {
      const begun = JSON.parse((await browser.postJson('/setup/passkey/options', { token, name: 'Ada' })).text)
      const response = createSoftwareAuthenticator({ keys: nodeKeys, random: nodeRandom }).create(
        begun.publicKey,
        world.issuer,
        levers,
      )
      return (await browser.postJson('/setup/passkey', { token, name: 'Ada', person: begun.person, response })).status
    }
    assert.equal(await attempt({ userVerified: false }), 400)
    assert.equal(await attempt({ userPresent: false }), 400)
    assert.equal(await attempt({ origin: 'https://evil.example' }), 400)
    assert.equal(await attempt({ rpId: 'evil.example' }), 400)
    assert.match(await browser.enrol(url, 'Ada'), /^usr_/)
    const [person] = await world.front.people.list()
    assert.equal(person?.role, 'owner')
    await assert.rejects(world.browser().enrol(url, 'Eve'), /410/)
    await assert.rejects(world.front.people.createSetupLink(), { code: 'owner_exists' })
    assert.equal(world.acts.at(-1)?.method, 'person.enrol')
  })
})

describe('sign-in with a passkey', () => {
  const assertion = async (browser: ReturnType<typeof browserWith>, levers: AuthenticatorLevers = {}) => {
    const options = JSON.parse((await browser.postJson('/signin/passkey/options', {})).text)
    return authenticator.get(options, world.issuer, levers)
  }
  it('works, and the same assertion does not work twice (WebAuthn section 13.4.3)', async () => {
    const browser = browserWith()
    const response = await assertion(browser)
    assert.equal((await browser.postJson('/signin/passkey', { response })).status, 200)
    assert.equal((await browser.postJson('/signin/passkey', { response })).status, 400)
  })
  it('fifty at once with one assertion: one session', async () => {
    const browser = browserWith()
    const response = await assertion(browser)
    world.levers.latencyMs = 20
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => browser.postJson('/signin/passkey', { response })),
    )
    world.levers.latencyMs = 0
    assert.equal(answers.filter((one) => one.status === 200).length, 1)
  })
  const bends: Record<string, AuthenticatorLevers> = {
    'without user verification': { userVerified: false },
    'made for another origin': { origin: 'https://evil.example' },
    'made for another host': { rpId: 'evil.example' },
    'with the user handle of somebody else': { userHandle: Buffer.from('usr_somebody').toString('base64url') },
    'with a counter that went back (a clone)': { counter: 1 },
  }
  for (const [name, levers] of Object.entries(bends)) {
    it(`refuses an assertion ${name}`, async () => {
      const browser = browserWith()
      const answer = await browser.postJson('/signin/passkey', { response: await assertion(browser, levers) })
      assert.equal(answer.status, 400)
      assert.equal(answer.headers.getSetCookie().length, 0)
    })
  }
  it('refuses an assertion over a challenge of another browser, an old one, and a made-up one', async () => {
    const response = await assertion(browserWith())
    const other = browserWith()
    await other.get('/signin')
    assert.equal((await other.postJson('/signin/passkey', { response })).status, 400)
    const late = browserWith()
    const old = await assertion(late)
    now = 5 * 60_000 + 1
    assert.equal((await late.postJson('/signin/passkey', { response: old })).status, 400)
    now = 0
    const made = authenticator.get(
      { challenge: Buffer.alloc(56).toString('base64url'), rpId: 'localhost' },
      world.issuer,
    )
    assert.equal((await late.postJson('/signin/passkey', { response: made })).status, 400)
  })
  it('refuses malformed answers without a stack', async () => {
    const browser = browserWith()
    for (const response of [
      null,
      {},
      { id: 'x' },
      {
        id: 'x',
        rawId: 'x',
        type: 'public-key',
        response: { clientDataJSON: '!', authenticatorData: '', signature: '' },
      },
    ]) {
      const answer = await browser.postJson('/signin/passkey', { response })
      assert.equal(answer.status, 400)
      assert.doesNotMatch(answer.text, /at .*\.ts/)
    }
  })
  it('threats 49: goes nowhere else after the sign-in', async () => {
    for (const wanted of [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '/account/../x',
      'javascript:alert(1)',
      '/interaction/../../x',
    ]) {
      const browser = browserWith()
      assert.equal(await browser.signIn(wanted), '/account')
      assert.match((await browser.get(`/signin?return=${encodeURIComponent(wanted)}`)).text, /data-return="\/account"/)
    }
  })
})

describe('the account page', () => {
  it('lists own grants, takes one back, and knows no foreign one', async () => {
    const browser = browserWith()
    await browser.signIn()
    await browser.authorize(await world.pushed())
    const page = await browser.get('/account')
    const id = world.grants.at(-1)?.id ?? ''
    assert.ok(page.text.includes(id))
    const csrf = inputsOf(page.text)
      .filter(([name]) => name === 'csrf')
      .slice(0, 1)
    assert.equal((await browser.postForm(`/account/grants/${id}/revoke`, [])).status, 403)
    assert.equal((await browser.postForm('/account/grants/grt_AAAAAAAAAAAAAAAAAAAAAA/revoke', csrf)).status, 404)
    assert.equal((await browser.postForm(`/account/grants/${id}/revoke`, csrf)).status, 303)
    assert.deepEqual(world.revoked, [id])
    assert.ok(!(await browser.get('/account')).text.includes(id))
  })
  it('asks a stranger to sign in', async () => {
    assert.equal((await world.browser().get('/account')).location, '/signin?return=%2Faccount')
    assert.equal((await world.browser().postForm('/account/invitations', [])).status, 401)
  })
  it('lets an owner invite one more person, once, who is no owner and cannot invite', async () => {
    const browser = browserWith()
    await browser.signIn()
    const csrf = inputsOf((await browser.get('/account')).text)
      .filter(([name]) => name === 'csrf')
      .slice(0, 1)
    const made = await browser.postForm('/account/invitations', [...csrf, ['name', 'Grace']])
    const link = /http:\/\/[^<\s]*\/setup#[A-Za-z0-9_-]{43}/.exec(made.text)?.[0] ?? ''
    assert.notEqual(link, '')
    const guest = world.browser()
    const id = await guest.enrol(link, 'Grace Hopper')
    assert.equal((await world.front.people.find(id as never))?.role, 'member')
    await assert.rejects(world.browser().enrol(link, 'Eve'), /410/)
    const page = await guest.get('/account')
    assert.doesNotMatch(page.text, /Invite somebody/)
    const guestCsrf = inputsOf(page.text)
      .filter(([name]) => name === 'csrf')
      .slice(0, 1)
    assert.equal((await guest.postForm('/account/invitations', guestCsrf)).status, 403)
  })
})
