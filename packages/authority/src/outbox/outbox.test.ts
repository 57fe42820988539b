import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecorder } from '@credence/audit'
import type { Database } from '@credence/db'
import type { NewIntent, NewOutcome } from '@credence/guard'
import { newId, unavailable } from '@credence/kit'
import { nodeClock, nodeRandom } from '@credence/kit/node'
import { silentLogger } from '@credence/kit/telemetry'
import { createOutbox } from './outbox.ts'

const intent = { kind: 'intent' } as NewIntent

test('acts that fail while nothing can be written do not fill the memory, and what is kept follows', async () => {
  let down = true
  const written: NewOutcome[] = []
  const db = {
    read: async () => {
      if (down) throw unavailable('database_down', 'Down.')
      return []
    },
  } as unknown as Database
  const recorder = { outcome: (record: NewOutcome) => void written.push(record) } as unknown as AuditRecorder
  const errors: string[] = []
  const log = { ...silentLogger, error: (event: string) => void errors.push(event) }
  const outbox = await createOutbox({
    db,
    domain: newId('dom', nodeRandom),
    clock: nodeClock,
    random: nodeRandom,
    recorder,
    log,
  })
  const done = { kind: 'outcome', operation: newId('opn', nodeRandom), status: 'done', ms: 1 } as const
  for (let act = 0; act < 10_050; act += 1) {
    const { id } = await outbox.owe(intent)
    outbox.recorder.outcome({ ...done, intent: id } as NewOutcome)
  }
  assert.deepEqual(written, [])
  assert.deepEqual(errors, ['outcomes_lost'])
  down = false
  // NOTE: a look at the table that began before may still fail.
  await outbox.empty().catch(() => outbox.empty())
  assert.equal(written.length, 10_000)
  outbox.close()
})
