import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCedarLane } from './lane.ts'

const request = {
  principal: { type: 'U', id: '1' },
  action: { type: 'Action', id: 'a' },
  resource: { type: 'R', id: '1' },
  context: {},
  entities: [],
}
const good = { key: 'good', policies: { yes: 'permit (principal, action, resource);' } }
const trap = {
  key: 'trap',
  policies: { deep: `permit (principal, action, resource) when { ${'('.repeat(2000)}true${')'.repeat(2000)} };` },
}

test('a trap fails its own job and no other, before or behind it', async () => {
  const lane = createCedarLane(10_000)
  const [before, trapped, behind] = await Promise.allSettled([
    lane.authorize(good, request),
    lane.authorize(trap, request),
    lane.authorize(good, request),
  ])
  assert.equal(before.status === 'fulfilled' && before.value.allow, true)
  assert.equal(trapped.status === 'rejected' && trapped.reason.code, 'cedar_trapped')
  assert.equal(behind.status === 'fulfilled' && behind.value.allow, true)
  assert.equal(lane.replaced, 1)
})

test('more sets than slots, and a set that does not parse: every answer is of the set that was asked', async () => {
  const lane = createCedarLane(10_000)
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 7; index++) {
      const effect = index % 2 === 0 ? 'permit' : 'forbid'
      const set = { key: `set-${index}`, policies: { [`p${index}`]: `${effect} (principal, action, resource);` } }
      assert.deepEqual(await lane.authorize(set, request), {
        allow: index % 2 === 0,
        reasons: [`p${index}`],
        errors: [],
      })
      await assert.rejects(lane.authorize({ key: 'bad', policies: { x: 'permit (' } }, request), {
        code: 'cedar_declined',
      })
    }
  }
  assert.equal(lane.replaced, 0)
})

test('a job that takes too long is given up', async () => {
  const lane = createCedarLane(1)
  await assert.rejects(lane.authorize(good, request), { code: 'cedar_trapped' })
})
