/** Sign-in through another provider: a second, independent one in a process of its own plays the company. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { opensIntent } from '@credence/kit/testing'
import { createWorld, freePort, type World } from '../front/testing/world.ts'
import { inputsOf, type PageBrowser } from './testing/index.ts'

let world: World
let company: ChildProcess
let idp: string
before(async () => {
  const port = await freePort()
  idp = `http://localhost:${port}`
  world = await createWorld({
    upstreams: [
      {
        id: 'company',
        name: 'Company login',
        issuer: idp,
        clientId: 'credence',
        clientSecret: 'not-a-secret-of-anybody',
      },
    ],
  })
  const file = fileURLToPath(new URL('./testing/company-idp.ts', import.meta.url))
  company = spawn(process.execPath, [file, String(port), `${world.issuer}/signin/callback/company`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  assert.ok(company.stdout)
  await once(company.stdout, 'data')
})
after(async () => {
  company?.kill()
  await world.close()
})

const signInAs = (sub: string) => fetch(`${idp}/as/${sub}`, { method: 'PUT' })

/** The company's side, with cookies of its own: answers the address that leads back to us. */
const atCompany = async (address: string): Promise<string> => {
  const cookies = new Map<string, string>()
  let next = address
  for (let hop = 0; hop < 6; hop += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=')
      cookies.set(name, value)
    }
    const location = new URL(answer.headers.get('location') ?? '', next)
    if (location.origin === world.issuer) return location.pathname + location.search
    next = location.href
  }
  throw new Error('the company does not send back')
}

const begin = async (browser: PageBrowser, returnTo = '/account'): Promise<string> => {
  const answer = await browser.get(`/signin/upstream/company?return=${encodeURIComponent(returnTo)}`)
  assert.equal(answer.status, 303, answer.text)
  return answer.location ?? ''
}

const enrol = async (browser: PageBrowser, link: string, name: string) => {
  const page = await browser.get('/setup')
  const csrf = inputsOf(page.text).find(([one]) => one === 'csrf')?.[1] ?? ''
  const token = new URL(link).hash.slice(1)
  const answer = await browser.postForm('/setup/upstream', [
    ['csrf', csrf],
    ['token', token],
    ['name', name],
    ['upstream', 'company'],
  ])
  assert.equal(answer.status, 303, answer.text)
  return browser.get(await atCompany(answer.location ?? ''))
}

opensIntent('signin.callback', async () => {
  const { url } = await world.front.people.createSetupLink()
  const done = await enrol(world.browser(), url, 'Alice')
  assert.equal(done.location, '/account', done.text)
  return world.acts.length
})

describe('sign-in through a company', () => {
  it('signs the owner in again by (issuer, subject)', async () => {
    const browser = world.browser()
    const back = await browser.get(await atCompany(await begin(browser)))
    assert.equal(back.location, '/account', back.text)
    assert.match((await browser.get('/account')).text, /Alice/)
  })
  it('sends state, nonce and PKCE S256, each new', async () => {
    const seen = new Set<string>()
    for (let at = 0; at < 3; at += 1) {
      const { searchParams } = new URL(await begin(world.browser()))
      for (const name of ['state', 'nonce', 'code_challenge']) seen.add(searchParams.get(name) ?? '')
      assert.equal(searchParams.get('code_challenge_method'), 'S256')
    }
    assert.equal(seen.size, 9)
  })
  it('refuses another subject, although the e-mail address is the same', async () => {
    await signInAs('mallory')
    const browser = world.browser()
    const answer = await browser.get(await atCompany(await begin(browser)))
    await signInAs('alice')
    assert.equal(answer.status, 403)
    assert.equal(browser.cookies.get('credence-session'), undefined)
  })
  it('refuses an answer in another browser, a second time, with another state and with another iss', async () => {
    const browser = world.browser()
    const path = await atCompany(await begin(browser))
    assert.equal((await world.browser().get(path)).status, 400)
    const other = world.browser()
    await begin(other)
    assert.equal((await other.get(path)).status, 400)
    const wrong = world.browser()
    const changed = new URL(await atCompany(await begin(wrong)), world.issuer)
    changed.searchParams.set('iss', 'https://evil.example')
    assert.equal((await wrong.get(changed.pathname + changed.search)).status, 400)
    assert.equal((await browser.get(path)).status, 303)
    assert.equal((await browser.get(path)).status, 400)
  })
  it('one answer fifty times at once: one session', async () => {
    const browser = world.browser()
    const path = await atCompany(await begin(browser))
    world.levers.latencyMs = 20
    const answers = await Promise.all(Array.from({ length: 50 }, () => browser.get(path)))
    world.levers.latencyMs = 0
    assert.equal(answers.filter((one) => one.status === 303).length, 1)
  })
  it('does not give an account that is taken to an invited person', async () => {
    const [alice] = await world.front.people.list()
    assert.ok(alice)
    const { url } = await world.front.people.createInvitation(alice.id)
    const answer = await enrol(world.browser(), url, 'Alice again')
    assert.equal(answer.status, 409)
    assert.equal((await world.front.people.list()).length, 1)
  })
  it('refuses unknown providers and forged cookies', async () => {
    assert.equal((await world.browser().get('/signin/upstream/other')).status, 404)
    assert.equal((await world.browser().get('/signin/callback/company?code=x&state=y')).status, 400)
  })
  it('says that the company does not answer, and lets nobody in', async () => {
    company.kill()
    await once(company, 'exit')
    assert.equal((await world.browser().get('/signin/upstream/company')).status, 503)
  })
})
