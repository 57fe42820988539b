/**
 * What is withdrawn already is not withdrawn again: whoever holds a token that is over, a stranger who found a used one
 * included, must not be able to fill the feed, the outbox and the space that is kept back for a full disk.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { LedgerRecord } from '@credence/model'
import { filesWithLever } from '../testing/full-disk.ts'
import { addAgent, addFiles, claimsOf, FILES, seedCode } from '../testing/seed.ts'
import { asOperator, assertionOf, getToken, openWorld, postForm, type TestAgent, type World } from '../testing/world.ts'

let world: World
let agent: TestAgent
let issuer: string
const files = filesWithLever()
before(async () => {
  world = await openWorld({ deps: { ledgerFiles: files } })
  issuer = world.config.issuer
  await addFiles(world)
  agent = await addAgent(world)
})
after(() => world.close())

const count = async (text: string): Promise<number> => {
  const [row] = await world.authority.embedded.db.read({ sql: text, parameters: [] })
  return Number(row?.n)
}
const head = () => count('SELECT number AS n FROM feed_head')
const owed = () => count('SELECT count(*) AS n FROM outbox')
const records = async (): Promise<LedgerRecord[]> => {
  const { body } = await (await asOperator(world)).call('GET', '/v1/audit/records?n=1000')
  return (body.records as { record: LedgerRecord }[]).map(({ record }) => record)
}

/** A code and a refresh token that were both used, and the grant behind them. */
const used = async () => {
  const code = await seedCode(world, agent.clientId)
  const { body } = await getToken(issuer, agent, { form: code.form })
  const refresh = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) }
  const next = await getToken(issuer, agent, { form: refresh })
  assert.equal(next.status, 200, JSON.stringify(next.body))
  return { grant: code.grantId, code: code.form, refresh, newest: String(next.body.refresh_token) }
}
const giveBack = async (token: string): Promise<number> => {
  const client = {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await assertionOf(issuer, agent),
  }
  return (await postForm(`${issuer}/revoke`, { ...client, token })).status
}

describe('a token that was used before, presented again and again', () => {
  for (const disk of ['with room', 'full']) {
    test(`revokes its grant once, on a disk that is ${disk}`, async () => {
      const { grant, code, refresh } = await used()
      files.full = disk === 'full'
      const [feed, rows] = [await head(), await owed()]
      for (const form of [refresh, refresh, code, refresh, code])
        assert.equal((await getToken(issuer, agent, { form })).body.error, 'invalid_grant')
      assert.equal(await head(), feed + 1)
      if (files.full) assert.equal(await owed(), rows + 1)
      files.full = false
      for (let wait = 0; wait < 50 && (await owed()) > 0; wait += 1)
        await new Promise((resolve) => setTimeout(resolve, 100))
      const reductions = (await records()).filter(
        (one) => one.kind === 'reduction' && one.keys.includes(`grant:${grant}`),
      )
      assert.equal(reductions.length, 1)
    })
  }
})

describe('RFC 7009, the same token again and again', () => {
  test('counts once: an access token, a refresh token', async () => {
    const own = await getToken(issuer, agent, { form: { resource: FILES } })
    const access = String(own.body.access_token)
    const { newest } = await used()
    const feed = await head()
    for (const token of [access, newest, access, newest, access]) assert.equal(await giveBack(token), 200)
    assert.equal(await head(), feed + 2)
    const jti = String(claimsOf(access).jti)
    const intents = (await records()).filter(
      (one) => one.kind === 'intent' && one.method === 'token.revoke' && one.name === jti,
    )
    assert.equal(intents.length, 1)
  })
})
