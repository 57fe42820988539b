/** Types are stripped when this runs: casts that a compiler let pass are caught by the stages themselves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCredenceError } from '@credence/kit'
import { factsOf, RESOURCE, testPipelineDeps } from '../testing/world.ts'
import { authenticate, type Caller } from './caller.ts'
import { type Intent, record } from './intent.ts'
import { type FrozenOperation, mapOperation } from './operation.ts'
import { release } from './outcome.ts'
import { decide, type Permit } from './permit.ts'
import { type Presented, present } from './presented.ts'

const setUp = async () => {
  const deps = { ...testPipelineDeps(), deadlineMs: 1000 }
  const presented = present(factsOf(deps.clock))
  const map = (name: string) => () => ({ resource: RESOURCE, method: 'tools/call', name, arguments: {} })
  const caller = await authenticate(presented, deps)
  const operation = await mapOperation(caller, map('read'), deps)
  const permit = await decide(operation, deps)
  const intent = await record(permit, deps)
  let sent = 0
  const send = () => {
    sent++
    return { value: 'done' }
  }
  return { deps, presented, map, caller, operation, permit, intent, send, sent: () => sent }
}

const isBug = (code: string) => (error: unknown) =>
  isCredenceError(error) && error.kind === 'bug' && error.code === code

/** Everything a forger can try: a literal, a copy, a spread with other members, a proxy, an object with its prototype. */
const forgeries = <T extends object>(stage: T, other: Partial<Record<keyof T, unknown>> = {}): T[] => [
  {} as T,
  { ...stage },
  { ...stage, ...other } as T,
  Object.freeze({ ...stage }),
  new Proxy(stage, {}),
  Object.create(stage),
  structuredCloneOrCopy(stage),
]

const structuredCloneOrCopy = <T extends object>(stage: T): T => Object.assign(Object.create(null), stage)

describe('a forged stage', () => {
  test('presented', async () => {
    const { deps, presented } = await setUp()
    for (const forgery of forgeries<Presented<never>>(presented as never))
      await assert.rejects(authenticate(forgery, deps as never), isBug('stage_forged'))
  })

  test('caller', async () => {
    const { deps, caller, map } = await setUp()
    for (const forgery of forgeries<Caller>(caller, { facts: { ...caller.facts, subject: { iss: 'x', sub: 'root' } } }))
      await assert.rejects(mapOperation(forgery, map('read'), deps), isBug('stage_forged'))
  })

  test('operation', async () => {
    const { deps, operation } = await setUp()
    for (const forgery of forgeries<FrozenOperation>(operation, {
      operation: { ...operation.operation, name: 'delete' },
    }))
      await assert.rejects(decide(forgery, deps), isBug('stage_forged'))
  })

  test('permit', async () => {
    const { deps, permit } = await setUp()
    for (const forgery of forgeries<Permit>(permit)) await assert.rejects(record(forgery, deps), isBug('stage_forged'))
  })

  test('intent: refused at release, nothing is sent', async () => {
    const { deps, intent, permit, caller, operation, send, sent } = await setUp()
    for (const forgery of forgeries<Intent>(intent, { id: 'rec_other' }))
      await assert.rejects(release(forgery, send, deps), isBug('stage_forged'))
    for (const stage of [permit, caller, operation])
      await assert.rejects(release(stage as unknown as Intent, send, deps), isBug('stage_forged'))
    assert.equal(sent(), 0)
  })
})

describe('a stage counts once', () => {
  test('one decision per operation, one intent per permit, one release per intent', async () => {
    const { deps, operation, permit, intent, send, sent } = await setUp()
    await assert.rejects(decide(operation, deps), isBug('stage_reused'))
    await assert.rejects(record(permit, deps), isBug('stage_reused'))
    await release(intent, send, deps)
    await assert.rejects(release(intent, send, deps), isBug('stage_reused'))
    assert.equal(sent(), 1)
  })

  test('a hundred releases of one intent at once send once', async () => {
    const { deps, intent, send, sent } = await setUp()
    await Promise.allSettled(Array.from({ length: 100 }, () => release(intent, send, deps)))
    assert.equal(sent(), 1)
  })

  test('a release that was refused cannot be tried again', async () => {
    const { deps, intent, send, sent } = await setUp()
    deps.revocations.leaseIs = 'lost'
    await assert.rejects(release(intent, send, deps))
    deps.revocations.leaseIs = 'fresh'
    await assert.rejects(release(intent, send, deps), isBug('stage_reused'))
    assert.equal(sent(), 0)
  })
})

test('no stage can be changed', async () => {
  const { presented, caller, operation, permit, intent } = await setUp()
  for (const stage of [presented, caller, operation, permit, intent]) assert.ok(Object.isFrozen(stage))
  assert.throws(() => Object.assign(intent, { permit: {} }), TypeError)
})
