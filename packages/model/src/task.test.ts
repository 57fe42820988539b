import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GrantId } from './ids.ts'
import { taskOf, tasksOf } from './task.ts'

test('one consent is one task, and an agent that acts for itself is one; what a token carries beside that makes none', () => {
  const grant = `grt_${'A'.repeat(22)}` as GrantId
  assert.equal(taskOf({ grant, clientId: 'agt_a' }), grant)
  assert.equal(taskOf({ clientId: 'agt_a' }), 'agt_a')
  assert.deepEqual(tasksOf({ grant, clientId: 'agt_a' }), [grant, 'agt_a'])
  assert.deepEqual(tasksOf({ clientId: 'agt_a' }), ['agt_a'])
  const more = { tokenId: 'jti_1', txn: 'txn', workflow: `wfl_${'A'.repeat(22)}`, session: `ses_${'A'.repeat(22)}` }
  assert.equal(taskOf({ grant, clientId: 'agt_a', ...more }), grant)
})
