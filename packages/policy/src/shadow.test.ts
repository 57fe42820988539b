import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unavailable } from '@credence/kit'
import {
  compilePolicySet,
  createDecider,
  createShadowCheck,
  decideAuthZen,
  shadowed as observed,
  quickstartPolicies,
  type ShadowDifference,
} from './index.ts'
import { caller, clock, ISSUER, operation, random, registry } from './testing/facts.ts'

const snapshot = await compilePolicySet(quickstartPolicies())
const shadowed = (oneIn: number, more: Partial<Parameters<typeof createShadowCheck>[0]> = {}, set = snapshot) => {
  const heard: ShadowDifference[] = []
  const failed: unknown[] = []
  const shadow = createShadowCheck({
    oneIn,
    random,
    onDifference: (difference) => heard.push(difference),
    onError: (error) => failed.push(error),
    ...more,
  })
  const decider = createDecider({ snapshot: set, registry, random, clock, issuer: ISSUER, shadow })
  return { shadow, decider, heard, failed }
}

test('engines that agree raise nothing, and every decision was checked', async () => {
  const { shadow, decider, heard, failed } = shadowed(1)
  for (const name of ['read_file', 'weather', 'delete_file'])
    for (const proof of ['dpop', 'none'] as const) await decider.decide(operation({ name }), caller({ proof }))
  await shadow.settled()
  assert.deepEqual([heard, failed], [[], []])
  // What the grant does not cover is refused before any policy is asked.
  assert.deepEqual(shadow.counts, { checked: 4, different: 0, declined: 0, dropped: 0 })
})

test('a wrong answer of the compiled engine is heard, with ids and no arguments, and the decision stays', async () => {
  const wrong = { ...snapshot, evaluate: () => ({ allow: true, reasons: ['made-up'], errors: [] }) }
  const { shadow, decider, heard } = shadowed(1, {}, wrong)
  const decision = await decider.decide(operation({ arguments: { secret: 'x' } }), caller({ proof: 'none' }))
  await shadow.settled()
  assert.equal(decision.effect, 'granted')
  const [difference] = heard
  assert.deepEqual(difference?.ours, { allow: true, reasons: ['made-up'], errors: [] })
  assert.deepEqual(difference?.theirs, { allow: false, reasons: ['bearer-consequential'], errors: [] })
  assert.equal(difference?.version, snapshot.version)
  assert.doesNotMatch(JSON.stringify(heard), /secret/)
})

test('a difference in failing policies alone is a difference', async () => {
  const failing = [{ policy: 'granted-tools', kind: 'overflow', message: '' }] as const
  const wrong = { ...snapshot, evaluate: () => ({ allow: true, reasons: ['granted-tools'], errors: failing }) }
  const { shadow, decider, heard } = shadowed(1, {}, wrong)
  await decider.decide(operation(), caller())
  await shadow.settled()
  assert.equal(heard.length, 1)
})

test('one in so many is checked, and never more wait than may', async () => {
  const { shadow, decider } = shadowed(10)
  for (let round = 0; round < 200; round++) await decider.decide(operation(), caller())
  await shadow.settled()
  assert.equal(shadow.counts.checked + shadow.counts.dropped, 20)
  const slow = shadowed(1, { waiting: 2, lane: { authorize: () => new Promise(() => undefined) } })
  for (let round = 0; round < 5; round++) await slow.decider.decide(operation(), caller())
  assert.equal(slow.shadow.counts.dropped, 3)
})

test('what cedar-wasm does not take is counted, and trouble in the check is no trouble for the decision', async () => {
  const trapped = { authorize: () => Promise.reject(unavailable('cedar_trapped', 'gone')) }
  const first = shadowed(1, { lane: trapped })
  assert.equal((await first.decider.decide(operation(), caller())).effect, 'granted')
  await first.shadow.settled()
  assert.deepEqual([first.shadow.counts.declined, first.failed], [1, []])
  const broken = {
    authorize: () => {
      throw new Error('broken')
    },
  }
  const second = shadowed(1, { lane: broken })
  assert.equal((await second.decider.decide(operation(), caller())).effect, 'granted')
  await second.shadow.settled()
  assert.equal(second.failed.length, 1)
  assert.throws(() => createShadowCheck({ oneIn: 0, random, onDifference: () => undefined }), TypeError)
})

test('no worker before the first sample; an idle one is ended and a next sample has another; after the end nothing is asked', async () => {
  const asked: string[] = []
  const lane = {
    authorize: async () => {
      asked.push('authorize')
      return { allow: true, reasons: ['granted-tools'], errors: [] }
    },
    close: async () => void asked.push('close'),
  }
  const { shadow, decider, heard } = shadowed(1, { lane, idleMs: 1 })
  assert.deepEqual(asked, [])
  await decider.decide(operation(), caller())
  await shadow.settled()
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 2))
  await decider.decide(operation(), caller())
  await shadow.close()
  assert.deepEqual(asked, ['authorize', 'close', 'authorize', 'close'])
  await decider.decide(operation(), caller())
  assert.deepEqual([asked.length, heard], [4, []])
})

test('closing ends a real worker in the middle of its work', async () => {
  const { shadow, decider, failed } = shadowed(1)
  for (let round = 0; round < 5; round++) await decider.decide(operation(), caller())
  await shadow.close()
  const { declined, checked, different } = shadow.counts
  assert.deepEqual([declined + checked, different, failed], [5, 0, []])
})

test('a snapshot that is asked directly is observed too', async () => {
  const { shadow, heard } = shadowed(1)
  const wrong = { ...snapshot, evaluate: () => ({ allow: true, reasons: ['made-up'], errors: [] }) }
  const question = {
    subject: { type: 'agent', id: 'agt_1' },
    action: { name: 'read' },
    resource: { type: 'authority', id: 'authority' },
  }
  const decided = await decideAuthZen(question, { snapshot: observed(wrong, shadow), registry, clock, issuer: ISSUER })
  await shadow.settled()
  assert.deepEqual([decided.decision, heard.length, heard[0]?.version], [true, 1, snapshot.version])
  await shadow.close()
})
