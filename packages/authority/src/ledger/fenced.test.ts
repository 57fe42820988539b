/** Somebody changed the ledger in the database by hand: the authority says that it is not ready, until it starts again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { testSchema } from '@credence/db/testing'
import { toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import { asOperator, openWorld } from '../testing/world.ts'

test('a fenced authority is not ready, and says why', async (t) => {
  const server = testSchema()
  t.after(() => server.close())
  const database = { engine: 'postgres', url: server.url, schema: server.schema } as const
  const world = await openWorld({ config: { database, keyEncryptionKey: toBase64url(nodeRandom.bytes(32)) } })
  t.after(() => world.close())
  const { issuer } = world.config
  const ready = async () => (await fetch(`${issuer}/readyz`)).json()
  const gauge = async () => /^credence_ledger_problem (\d)/m.exec(await (await fetch(`${issuer}/metrics`)).text())?.[1]
  const operator = await asOperator(world)
  const until = async (expected: unknown) => {
    for (let tries = 0; tries < 60 && JSON.stringify(await ready()) !== JSON.stringify(expected); tries += 1) {
      await wait(50)
    }
    assert.deepEqual(await ready(), expected)
  }
  await until({ ready: true, problems: [] })
  assert.equal(await gauge(), '0')
  await world.authority.embedded.ledger.refresh()
  const change = (by: string) => server.admin(`UPDATE ${server.schema}.ledger_heads SET size = size ${by}`)
  await change('- 1')
  await until({ ready: false, problems: ['ledger_went_back'] })
  await change('+ 1')
  await wait(1_200)
  assert.deepEqual(await ready(), { ready: false, problems: ['ledger_went_back'] })
  assert.equal(await gauge(), '1')
  const { ledger } = (await operator.call('GET', '/v1/status')).body as { ledger: { problem?: string } }
  assert.equal(ledger.problem, 'ledger_went_back')
})
