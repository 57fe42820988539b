/** Invariant 3: one-time things happen once, also for fifty at the same moment on a store that takes its time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { BatchConflict } from '@credence/db'
import { inputsOf, type PageBrowser } from '../people/testing/index.ts'
import { createWorld, type World } from './testing/world.ts'

const FIFTY = Array.from({ length: 50 }, (_unused, at) => at)

const fieldsOf = (page: string): [string, string][] => [
  ...inputsOf(page).filter(([name]) => name !== 'duration'),
  ['duration', '1h'],
]

const codeIn = (location: string | undefined): string | null =>
  location === undefined ? null : new URL(location, 'http://localhost').searchParams.get('code')

for (const engine of ['sqlite', 'postgres'] as const)
  describe(`fifty at once, twenty milliseconds of storage, ${engine}`, () => {
    let world: World
    let browser: PageBrowser
    before(async () => {
      world = await createWorld({ engine })
      browser = await world.owner()
      world.levers.latencyMs = 20
    })
    after(() => world.close())

    const open = async (url: string) => {
      const page = await browser.follow(url.slice(world.issuer.length))
      const action = /formaction="([^"]*)\/deny"/.exec(page.text)?.[1] ?? ''
      assert.notEqual(action, '', page.text)
      return { action, fields: fieldsOf(page.text) }
    }

    it('a code is consumed once', async () => {
      const end = await browser.authorize(await world.pushed())
      const code = end.searchParams.get('code') ?? ''
      const tries = await Promise.allSettled(
        FIFTY.map(async () => {
          await world.front.codes.find(code)
          await world.db.atomically([world.front.codes.consumeStatement(code)])
        }),
      )
      assert.equal(tries.filter((one) => one.status === 'fulfilled').length, 1)
      for (const one of tries) {
        if (one.status === 'rejected') assert.equal((one.reason as BatchConflict).conflict, 'code_consumed')
      }
      assert.equal((await world.front.codes.find(code))?.consumed, true)
    })

    it('an answer to one request makes one grant', async () => {
      const { action, fields } = await open(await world.pushed())
      const rows = async () => (await world.db.read({ sql: 'select id from test_grants', parameters: [] })).length
      const before = await rows()
      const answers = await Promise.all(FIFTY.map(() => browser.postForm(`${action}/allow`, fields)))
      assert.equal(answers.filter((one) => one.status === 303).length, 1)
      assert.equal(await rows(), before + 1)
    })

    it('allow and deny at once: one of them', async () => {
      const { action, fields } = await open(await world.pushed())
      const answers = await Promise.all(
        FIFTY.map((at) => browser.postForm(`${action}/${at % 2 === 0 ? 'allow' : 'deny'}`, fields)),
      )
      assert.equal(answers.filter((one) => one.status === 303).length, 1)
    })

    it('the resume of one interaction gives one code', async () => {
      const { action, fields } = await open(await world.pushed())
      const decided = await browser.postForm(`${action}/allow`, fields)
      const path = new URL(decided.location ?? '').pathname
      const answers = await Promise.all(FIFTY.map(() => browser.get(path)))
      assert.equal(answers.filter((one) => codeIn(one.location) !== null).length, 1)
    })

    it('a pushed request gives one code, however many pages it was opened in', async () => {
      const url = await world.pushed()
      const pages = []
      for (const _at of [1, 2, 3, 4, 5]) pages.push(await open(url))
      const decided = await Promise.all(pages.map(({ action, fields }) => browser.postForm(`${action}/allow`, fields)))
      const answers = await Promise.all(decided.map((one) => browser.get(new URL(one.location ?? '').pathname)))
      assert.equal(answers.filter((one) => codeIn(one.location) !== null).length, 1)
    })

    it('the grants of pages that lost are taken back, the winner keeps its own', async () => {
      const { length } = world.revoked
      assert.equal(length, 4)
      const end = await browser.authorize(await world.pushed())
      const code = await world.front.codes.find(end.searchParams.get('code') ?? '')
      assert.ok(code && !world.revoked.includes(code.grantId))
    })

    it('an assertion is accepted once at /par', async () => {
      const client_assertion = await world.agent.assertion()
      const answers = await Promise.all(FIFTY.map(() => world.par({ ...world.parameters(), client_assertion })))
      assert.equal(answers.filter((one) => one.status === 201).length, 1)
      for (const one of answers) if (one.status !== 201) assert.equal(one.status, 401)
    })

    it('a setup link makes one owner', async () => {
      const fresh = await createWorld({ engine })
      fresh.levers.latencyMs = 20
      const { url } = await fresh.front.people.createSetupLink()
      const tries = await Promise.allSettled(FIFTY.slice(0, 20).map((at) => fresh.browser().enrol(url, `Person ${at}`)))
      assert.equal(tries.filter((one) => one.status === 'fulfilled').length, 1)
      assert.equal((await fresh.front.people.list()).length, 1)
      await assert.rejects(fresh.front.people.createSetupLink(), { code: 'owner_exists' })
      await fresh.close()
    })
  })
