/** A node that cannot know what is marked: an outage where policies ask, and never a policy's word. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type TestSchema, testSchema } from '@credence/db/testing'
import { toBase64url } from '@credence/kit'
import { nodeRandom } from '@credence/kit/node'
import type { CallerFacts, Decision, Operation } from '@credence/model'
import type { Lease } from '@credence/sync'
import { asOperator, openWorld, type World } from '../testing/world.ts'
import { whenFresh } from './when-fresh.ts'

type Given = Pick<Decision, 'effect' | 'untrusted'>

const ask = async (given: Given, { known = false, reads = true, lease = 'lost' as Lease } = {}) => {
  let waited = 0
  const renewed = async (): Promise<void> => {
    waited += 1
  }
  const decider = whenFresh(
    { decide: () => given as Decision },
    { snapshot: { contexts: { reads: () => reads } } } as unknown as Parameters<typeof whenFresh>[1],
    { lease: () => lease, renewed },
    { untrusted: (_, matters) => matters !== false || known },
  )
  const { effect, untrusted } = await decider.decide({} as Operation, {} as CallerFacts)
  return { effect, untrusted, waited }
}

describe('a decision that reads marks', () => {
  test('that is not granted because nothing is known is unavailable, and recorded as no decision', async () => {
    for (const effect of ['refused', 'pending'] as const)
      await assert.rejects(ask({ effect, untrusted: true }), { code: 'marks_unknown', kind: 'unavailable' })
  })
  test('that is granted all the same does not say that anybody marked the task', async () => {
    assert.deepEqual(await ask({ effect: 'granted', untrusted: true }), {
      ...{ effect: 'granted', untrusted: undefined },
      waited: 1,
    })
  })
  test('of a task that is marked stands, fresh or not', async () => {
    for (const lease of ['fresh', 'lost'] as const)
      for (const effect of ['refused', 'granted'] as const) {
        const answer = await ask({ effect, untrusted: true }, { known: true, lease })
        assert.deepEqual([answer.effect, answer.untrusted], [effect, true])
      }
  })
  test('where no policy reads them nobody waits', async () => {
    assert.equal((await ask({ effect: 'refused' }, { reads: false })).waited, 0)
  })
})

describe('an authority on PostgreSQL that was busy for longer than its lease', { timeout: 60_000 }, () => {
  let server: TestSchema
  let world: World
  let operator: Awaited<ReturnType<typeof asOperator>>
  before(async () => {
    server = testSchema()
    const database = { engine: 'postgres', url: server.url, schema: server.schema } as const
    world = await openWorld({ config: { database, keyEncryptionKey: toBase64url(nodeRandom.bytes(32)) } })
    operator = await asOperator(world)
    const { body } = await operator.call('GET', '/v1/policies')
    const { files } = body.source as { files: readonly object[] }
    const text = '@id("never") forbid (principal, action, resource) when { context.untrusted };'
    const { status } = await operator.call('PUT', '/v1/policies', { files: [...files, { name: 'zz.cedar', text }] })
    assert.equal(status, 200)
  })
  after(async () => {
    await world.close()
    await server.close()
  })

  const whileBusy = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    const asked = ask()
    await new Promise((resolve) => setTimeout(resolve, 3))
    const end = performance.now() + 850
    while (performance.now() < end);
    const answer = await asked
    await new Promise((resolve) => setTimeout(resolve, 300))
    return answer
  }

  test('revokes, and answers everything else with what it did or that it cannot', async () => {
    for (let round = 0; round < 6; round += 1) {
      const body = { kind: 'session', id: `s${round}` }
      const revoked = await whileBusy(() => operator.call('POST', '/v1/revocations', body))
      assert.ok(revoked.status < 300, JSON.stringify(revoked.body))
    }
    for (let round = 0; round < 4; round += 1) {
      const listed = await whileBusy(() => operator.call('GET', '/v1/agents'))
      assert.ok(listed.status === 200 || listed.status === 503, JSON.stringify(listed.body))
    }
  })
})
