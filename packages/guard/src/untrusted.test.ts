/** A tool that returns what strangers wrote is called only in a task that is marked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCredenceError } from '@credence/kit'
import type { CallerFacts, ToolLabels } from '@credence/model'
import { createPipeline } from './pipeline.ts'
import type { Tasks } from './ports.ts'
import { factsOf, RESOURCE, testPipelineDeps } from './testing/world.ts'

const setUp = (tasks?: Tasks) => {
  const deps = testPipelineDeps()
  const pipeline = createPipeline<CallerFacts>({ ...deps, tasks })
  const log: string[] = []
  const call = (labels: ToolLabels): Promise<string> =>
    pipeline<string>({
      input: factsOf(deps.clock),
      map: () => ({ resource: RESOURCE, method: 'tools/call', name: 'fetch', arguments: {}, labels }),
      send: () => {
        log.push('sent')
        return { value: 'what strangers wrote' }
      },
    })
  return { ...deps, log, call }
}

const code = (wanted: string, kind: string) => (error: unknown) =>
  isCredenceError(error) && error.code === wanted && error.kind === kind

test('nobody keeps marks: what is labelled is refused, and everything else goes on', async () => {
  const world = setUp()
  await assert.rejects(world.call({ untrusted: true }), code('task_unmarkable', 'refused'))
  await assert.rejects(
    world.call({ effect: 'read', publicData: true, untrusted: true }),
    code('task_unmarkable', 'refused'),
  )
  assert.deepEqual(world.log, [])
  await world.call({})
  await world.call({ untrusted: false })
  assert.deepEqual(world.log, ['sent', 'sent'])
})

test('the mark comes after the intent and before the release', async () => {
  const { promise: marked, resolve: mark } = Promise.withResolvers<void>()
  const asked: CallerFacts[] = []
  const world = setUp({
    mark: (caller) => {
      world.log.push(`${world.recorder.intents.length} intent`)
      asked.push(caller)
      return marked
    },
  })
  const called = world.call({ untrusted: true })
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(world.log, ['1 intent'])
  mark()
  await called
  assert.deepEqual(world.log, ['1 intent', 'sent'])
  assert.equal(asked[0]?.clientId, factsOf(world.clock).clientId)
})

for (const [name, mark] of Object.entries<Tasks['mark']>({
  rejects: () => Promise.reject(new Error('no')),
  throws: () => {
    throw new Error('no')
  },
})) {
  test(`a mark that ${name}: refused as an outage, nothing is sent, and the intent has its outcome`, async () => {
    const world = setUp({ mark })
    await assert.rejects(world.call({ untrusted: true }), code('task_unmarked', 'unavailable'))
    assert.deepEqual(world.log, [])
    assert.deepEqual(
      world.recorder.outcomes.map(({ status, code }) => [status, code]),
      [['failed', 'task_unmarked']],
    )
  })
}

test('revoked while the task is marked: refused all the same', async () => {
  const world = setUp({
    mark: async () => {
      world.revocations.revoke(`client:${factsOf(world.clock).clientId}`, 9)
    },
  })
  await assert.rejects(world.call({ untrusted: true }), code('token_revoked', 'refused'))
  assert.deepEqual(world.log, [])
})

test('what is not labelled never asks', async () => {
  const world = setUp({ mark: () => assert.fail('asked') })
  await world.call({ effect: 'read' })
  assert.deepEqual(world.log, ['sent'])
})
