/** What a person does is a guarded call: it is refused, and recorded, like one. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { revocationKey } from '@credence/model'
import { createWorld, type World } from '../front/testing/world.ts'
import { inputsOf, type PageBrowser } from './testing/index.ts'

let world: World
let browser: PageBrowser
let person = ''
before(async () => {
  world = await createWorld()
  browser = await world.owner()
  person = (await world.front.people.list())[0]?.id ?? ''
})
after(() => world.close())

const rows = async (): Promise<number> =>
  (await world.db.read({ sql: 'select id from test_grants', parameters: [] })).length
const invitations = async (): Promise<number> =>
  (await world.db.read({ sql: 'select slot from people_links', parameters: [] })).length
const csrfOf = (page: string): [string, string][] =>
  inputsOf(page)
    .filter(([name]) => name === 'csrf')
    .slice(0, 1)

/** The consent page, and saying yes to it. */
const consent = async () => {
  const page = await browser.follow((await world.pushed()).slice(world.issuer.length))
  const action = /formaction="([^"]*)\/deny"/.exec(page.text)?.[1] ?? ''
  assert.notEqual(action, '', page.text)
  const fields: [string, string][] = [
    ...inputsOf(page.text).filter(([name]) => name !== 'duration'),
    ['duration', '1h'],
  ]
  return () => browser.postForm(`${action}/allow`, fields)
}
const invitation = async () => {
  const fields = csrfOf((await browser.get('/account')).text)
  return () => browser.postForm('/account/invitations', fields)
}

/** Both acts that make authority, tried after `what`: nothing has changed then. */
const neither = async (what: () => unknown, status: number) => {
  const acts = [await consent(), await invitation()]
  const before = [await rows(), await invitations()]
  await what()
  const answers = []
  for (const act of acts) answers.push(await act())
  for (const answer of answers) {
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.location, undefined)
    assert.doesNotMatch(answer.text, /setup#/)
  }
  assert.deepEqual([await rows(), await invitations()], before)
  return answers
}

const refusals = () => world.recorder.refusals
const setStatus = (status: string) =>
  world.db.atomically([{ sql: 'update people set status = ? where person_id = ?', parameters: [status, person] }])

describe('an act of somebody who is revoked', () => {
  const keys = (): Record<string, string> => ({
    subject: revocationKey.party({ iss: world.issuer, sub: person }),
    domain: revocationKey.domain(world.domain),
  })
  afterEach(() => {
    for (const key of Object.values(keys())) world.revocations.revoke(key, -1)
    delete world.levers.whileRecording
  })

  for (const kind of ['subject', 'domain']) {
    it(`a ${kind}: refused before anything is read, and the refusal is recorded`, async () => {
      const [intents, refused] = [world.acts.length, refusals().length]
      await neither(() => world.revocations.revoke(keys()[kind] ?? '', 1), 401)
      assert.equal(world.acts.length, intents)
      const recorded = refusals().slice(refused)
      assert.deepEqual(
        recorded.map(({ code, subject }) => [code, subject?.sub]),
        [
          ['token_revoked', person],
          ['token_revoked', person],
        ],
      )
    })
  }

  it('a session: its own key is asked for', async () => {
    const sessions = await world.db.read({ sql: 'select session_id from people_sessions', parameters: [] })
    const key = revocationKey.session(String(sessions.at(-1)?.session_id))
    await neither(() => world.revocations.revoke(key, 1), 401)
    world.revocations.revoke(key, -1)
  })

  it('revoked while the act is being recorded: not done, and the record says so', async () => {
    const key = keys().subject ?? ''
    const outcomes = world.recorder.outcomes.length
    await neither(() => {
      world.levers.whileRecording = () => world.revocations.revoke(key, 1)
    }, 401)
    const [first] = world.recorder.outcomes.slice(outcomes)
    assert.deepEqual([first?.status, first?.code], ['failed', 'token_revoked'])
    assert.equal(first?.intent === undefined, false)
  })

  for (const [what, statement] of [
    ['the session ended', 'delete from people_sessions'],
    ['the person was suspended', "update people set status = 'suspended'"],
  ] as const)
    for (const [name, prepare] of [
      ['consent', () => consent()],
      ['invitation', () => invitation()],
    ] as const)
      it(`${what} meanwhile, and this node has not heard of it: no ${name}`, async () => {
        const act = await prepare()
        const before = [await rows(), await invitations()]
        world.levers.whileRecording = () => void world.db.atomically([{ sql: statement, parameters: [] }])
        const answer = await act()
        delete world.levers.whileRecording
        assert.equal(answer.status, 401, answer.text)
        assert.match(answer.text, /signed out/)
        assert.deepEqual([await rows(), await invitations()], before)
        assert.equal(world.recorder.outcomes.at(-1)?.status, 'failed')
        await setStatus('active')
        await browser.signIn()
      })

  it('somebody who is suspended: refused and recorded, and shown nothing', async () => {
    const refused = refusals().length
    await neither(() => setStatus('suspended'), 401)
    assert.equal(refusals().length, refused + 2)
    assert.equal((await browser.get('/account')).location, '/signin?return=%2Faccount')
    await setStatus('active')
  })
})

describe('an act that policy forbids', () => {
  after(() => {
    world.decider.answer = {}
  })
  it('is refused with a page that says so, and recorded; it is asked for by what the person does', async () => {
    const refused = refusals().length
    const [page, other] = await neither(() => {
      world.decider.answer = { effect: 'refused', reason: 'Nobody allows anything on a Sunday.' }
    }, 403)
    assert.match(page?.text ?? '', /Nobody allows anything on a Sunday\./)
    assert.match(page?.text ?? '', /policy_refused/)
    assert.match(other?.text ?? '', /Sunday/)
    const asked = world.decider.asked.slice(-2).map(({ method }) => method)
    assert.deepEqual(asked, ['consent.give', 'person.invite'])
    assert.deepEqual(
      refusals()
        .slice(refused)
        .map(({ code, method }) => [code, method]),
      [
        ['policy_refused', 'grant.allow'],
        ['policy_refused', 'person.invite'],
      ],
    )
    await assert.rejects(browser.signIn(), /Sunday/)
  })
})

describe('without a fresh lease', () => {
  after(() => {
    world.revocations.leaseIs = 'fresh'
  })
  it('nothing is given, and what was given can still be taken back', async () => {
    await browser.authorize(await world.pushed())
    const id = world.grants.at(-1)?.id ?? ''
    const fields = csrfOf((await browser.get('/account')).text)
    await neither(() => {
      world.revocations.leaseIs = 'stale'
    }, 503)
    assert.equal((await browser.postForm(`/account/grants/${id}/revoke`, fields)).status, 303)
    assert.equal(world.revoked.at(-1), id)
  })
})

describe('what is recorded', () => {
  it('a consent, by whom, to which agent, with what was allowed', async () => {
    await browser.authorize(await world.pushed(), { tools: ['read_file'] })
    const made = world.grants.at(-1)
    const intent = world.acts.at(-1)
    assert.deepEqual(
      [intent?.method, intent?.name, intent?.grant, intent?.client, intent?.subject, intent?.actors, intent?.proof],
      ['grant.allow', made?.id, made?.id, world.agent.view.clientId, { iss: world.issuer, sub: person }, [], 'none'],
    )
    assert.deepEqual(intent?.facts?.tools, ['read_file'])
    assert.equal(intent?.facts?.evidence, made?.grant.evidence)
    assert.equal(intent?.facts?.session, made?.grant.session)
  })
  it('a sign-in', async () => {
    await browser.signIn()
    const intent = world.acts.at(-1)
    assert.deepEqual([intent?.method, intent?.name, intent?.facts], ['person.sign_in', person, { method: 'passkey' }])
  })
})
