/** Who may not, is refused on every page that needs a person; what changes anything is recorded first. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { opensIntent, refusedCaller } from '@credence/kit/testing'
import { inputsOf, type PageBrowser } from '../people/testing/index.ts'
import { frontRoutes } from './routes.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
let owner: PageBrowser
before(async () => {
  world = await createWorld()
})
after(() => world.close())

const csrfOf = (page: string): [string, string][] =>
  inputsOf(page)
    .filter(([name]) => name === 'csrf')
    .slice(0, 1)
const pathOf = (route: string): string =>
  (frontRoutes.find(({ name }) => name === route)?.path ?? '')
    .replace(':uid', 'x'.repeat(21))
    .replace(':id', 'grt_AAAAAAAAAAAAAAAAAAAAAA')

/** Runs `work` and answers how many acts were recorded meanwhile. */
const acts = async (work: () => Promise<unknown>): Promise<number> => {
  const first = world.acts.length
  await work()
  return world.acts.length - first
}

opensIntent('setup.passkey', () =>
  acts(async () => {
    owner = await world.owner()
  }),
)

opensIntent('signin.passkey', () => acts(() => owner.signIn()))

opensIntent('interaction.allow', () => acts(async () => owner.authorize(await world.pushed())))

opensIntent('account.invite', () =>
  acts(async () => owner.postForm('/account/invitations', csrfOf((await owner.get('/account')).text))),
)

opensIntent('account.revoke', () =>
  acts(async () => {
    const id = world.grants.at(-1)?.id ?? ''
    await owner.postForm(`/account/grants/${id}/revoke`, csrfOf((await owner.get('/account')).text))
    assert.deepEqual(world.revoked, [id])
  }),
)

refusedCaller(
  ['interaction.allow', 'interaction.deny', 'signout', 'account.revoke', 'account.invite'],
  async (route) => {
    const stranger = await world.browser().postForm(pathOf(route), [['csrf', 'x'.repeat(43)]])
    const withoutToken = await owner.postForm(pathOf(route), [])
    assert.ok(withoutToken.status >= 400 && withoutToken.status < 500)
    return stranger.status
  },
)

describe('without a ledger', () => {
  it('nothing is allowed, invited or enrolled, but a grant can be taken back (invariant 1, design section 4)', async () => {
    await owner.authorize(await world.pushed())
    const { text } = await owner.get('/account')
    const id = world.grants.at(-1)?.id ?? ''
    world.levers.recorderFails = true
    const people = await world.front.people.list()
    const invited = await owner.postForm('/account/invitations', csrfOf(text))
    const taken = await owner.postForm(`/account/grants/${id}/revoke`, csrfOf(text))
    world.levers.recorderFails = false
    assert.ok(invited.status >= 500)
    assert.doesNotMatch(invited.text, /setup#/)
    assert.equal(taken.status, 303)
    assert.equal(world.revoked.at(-1), id)
    assert.deepEqual(await world.front.people.list(), people)
  })
})
