import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { Sequencer } from './sequencer.ts'

const entry = Buffer.from('entry')

const setUp = () => {
  const batches: number[] = []
  const sequencer = new Sequencer<number, number>({
    commit: async (entries) => {
      batches.push(entries.length)
      return batches.length
    },
    answer: (batch) => batch,
    maxBatchBytes: 1 << 20,
    maxWaitingBytes: 1 << 20,
  })
  return { batches, sequencer }
}

test('a patient entry goes with the next one that somebody waits for, in its order', async () => {
  const { batches, sequencer } = setUp()
  const patient = sequencer.append(entry, true)
  await turn()
  assert.deepEqual(batches, [])
  assert.equal(await sequencer.append(entry), 1)
  assert.equal(await patient, 1)
  assert.deepEqual(batches, [2])
})

test('a patient entry goes alone when nobody comes, also after a batch that it missed', async () => {
  const { batches, sequencer } = setUp()
  await sequencer.append(entry, true)
  const first = sequencer.append(entry)
  await first.then(() => sequencer.append(entry, true))
  assert.deepEqual(batches, [1, 1, 1])
})

test('closing waits for the patient ones', async () => {
  const { batches, sequencer } = setUp()
  const patient = sequencer.append(entry, true)
  await sequencer.close()
  assert.equal(await patient, 1)
  await assert.rejects(sequencer.append(entry), { code: 'ledger_closed' })
  assert.deepEqual(batches, [1])
})

test('a batch gathers while every turn brings more, and for a few turns at most', async () => {
  const { batches, sequencer } = setUp()
  const all: Promise<number>[] = []
  for (let at = 0; at < 40; at += 1) {
    all.push(sequencer.append(entry))
    await turn()
  }
  await Promise.all(all)
  const largest = Math.max(...batches)
  assert.ok(largest > 2 && largest < 20, String(batches))
})

test('a patient entry that comes while others gather leaves no timer behind, and no empty batch', async () => {
  const { batches, sequencer } = setUp()
  const all: Promise<number>[] = []
  for (let round = 0; round < 5; round += 1) {
    all.push(sequencer.append(entry, true))
    // This timer was set just after the sequencer's own, so it fires when the gathering has begun.
    setTimeout(() => all.push(sequencer.append(entry, true)), 5)
    await wait(20)
  }
  await Promise.all(all)
  assert.ok(!batches.includes(0), String(batches))
})
