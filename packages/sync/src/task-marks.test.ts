import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cases, handClock } from '@credence/kit/testing'
import type { CallerFacts, DomainId } from '@credence/model'
import fc from 'fast-check'
import type { Lease } from './follower.ts'
import { createTaskMarker, TASK_AHEAD_MS, TASK_KEEP_MS } from './task-marker.ts'
import { createTaskMarks } from './task-marks.ts'
import type { FeedEntry } from './types.ts'

const DOMAIN = `dom_${'A'.repeat(22)}` as DomainId
const entry = (number: number, task: string, until: number): FeedEntry => ({
  ...{ domain: DOMAIN, number, at: 0, kind: 'task' },
  task,
  until,
})
const MINUTE = 60_000

describe('marks of tasks', () => {
  test('are there until their time is over on every clock, and only become longer', () => {
    const clock = handClock()
    const marks = createTaskMarks({ clock })
    marks.apply(entry(1, 'grt_a', clock.now() + 10 * MINUTE))
    marks.apply(entry(2, 'grt_a', clock.now() + 5 * MINUTE))
    assert.deepEqual([marks.has('grt_a'), marks.has('grt_b')], [true, false])
    for (let minute = 0; minute < 10; minute += 1) {
      clock.advance(MINUTE)
      marks.sweep()
      assert.ok(marks.has('grt_a'), `after ${minute + 1} minutes`)
    }
    clock.advance(2 * MINUTE)
    marks.sweep()
    assert.deepEqual([marks.has('grt_a'), marks.size], [false, 0])
  })

  test('what is over is not taken from the feed of a start, and names are only names', () => {
    const clock = handClock()
    const marks = createTaskMarks({ clock })
    marks.apply(entry(1, 'grt_old', clock.now() - 2 * MINUTE))
    for (const name of ['__proto__', 'constructor', '']) assert.equal(marks.has(name), false)
    marks.add('__proto__', clock.now() + MINUTE)
    assert.deepEqual([marks.has('__proto__'), marks.has('toString'), marks.size], [true, false, 1])
  })

  test('whatever is forgotten, nothing that was marked counts as unmarked before its time', () => {
    const script = fc.array(fc.record({ task: fc.nat(20), life: fc.nat(30), pause: fc.nat(5) }), { maxLength: 60 })
    fc.assert(
      fc.property(script, fc.integer({ min: 0, max: 5 }), (steps, maxMarks) => {
        const clock = handClock()
        const marks = createTaskMarks({ clock, maxMarks })
        const ends = new Map<string, number>()
        steps.forEach(({ task, life, pause }, number) => {
          const until = clock.now() + life * MINUTE
          marks.apply(entry(number + 1, `t${task}`, until))
          ends.set(`t${task}`, Math.max(until, ends.get(`t${task}`) ?? 0))
          clock.advance(pause * MINUTE)
          marks.sweep()
          assert.ok(marks.size <= maxMarks)
          for (const [name, end] of ends) if (end > clock.now()) assert.ok(marks.has(name), name)
        })
        clock.advance(60 * MINUTE)
        marks.sweep()
        assert.equal(marks.has('t1'), false, 'nothing is marked for ever')
      }),
      cases(300),
    )
  })
})

const SELF = { clientId: 'agt_self' } as CallerFacts
const GRANTED = { clientId: 'agt_self', grant: `grt_${'A'.repeat(22)}` } as CallerFacts

const world = ({ alone = true, ...times }: { alone?: boolean; leaseMs?: number; commitMs?: number } = {}) => {
  const clock = handClock()
  const marks = createTaskMarks({ clock })
  const commits: string[] = []
  const state = { lease: 'fresh' as Lease, fails: false, hangs: false }
  const marker = createTaskMarker({
    marks,
    clock,
    follower: { lease: () => state.lease },
    alone: () => alone,
    ...times,
    commit: async (task) => {
      commits.push(task)
      if (state.hangs) await new Promise(() => undefined)
      if (state.fails) throw new Error('the disk is full')
      return clock.now() + TASK_KEEP_MS + TASK_AHEAD_MS
    },
  })
  return { clock, marks, commits, state, marker }
}

describe('marking a task', () => {
  test('is committed once, however many ask at once, and known when they are answered', async () => {
    const { marker, commits } = world()
    assert.equal(marker.untrusted(GRANTED), false)
    await Promise.all(Array.from({ length: 50 }, () => marker.mark(GRANTED)))
    assert.deepEqual(commits, [GRANTED.grant])
    assert.equal(marker.untrusted(GRANTED), true)
    assert.equal(marker.untrusted(SELF), false, 'what is read for a person does not mark the agent')
    assert.equal(marker.mark(GRANTED), undefined)
  })

  test('of an agent that reads as itself counts under its grants too, and for no other agent', async () => {
    const { marker, commits } = world()
    await marker.mark(SELF)
    const other = { ...GRANTED, clientId: 'agt_other' }
    for (const matters of [true, false])
      assert.deepEqual(
        [SELF, GRANTED, other].map((caller) => marker.untrusted(caller, matters)),
        [true, true, false],
      )
    await marker.mark(GRANTED)
    assert.deepEqual(commits, [SELF.clientId, GRANTED.grant], 'the grant is marked all the same: it lasts longer')
  })

  test('that fails is no mark, and is tried again', async () => {
    const { marker, commits, state } = world()
    state.fails = true
    await assert.rejects(Promise.resolve(marker.mark(GRANTED)), /disk is full/)
    assert.equal(marker.untrusted(GRANTED), false)
    state.fails = false
    await marker.mark(GRANTED)
    assert.equal(commits.length, 2)
    assert.equal(marker.untrusted(GRANTED), true)
  })

  test('that is not answered is refused in time', async () => {
    const { marker, state } = world({ commitMs: 20 })
    state.hangs = true
    await assert.rejects(Promise.resolve(marker.mark(SELF)), { code: 'task_unmarked' })
  })

  test('waits where others decide, the second reader too, whoever made the mark', async () => {
    const { marker, marks, clock } = world({ alone: false, leaseMs: 60 })
    const began = performance.now()
    await marker.mark(GRANTED)
    assert.ok(performance.now() - began >= 55)
    marks.apply(entry(7, 'agt_self', clock.now() + 30 * 60 * MINUTE))
    const again = performance.now()
    await marker.mark(SELF)
    assert.ok(performance.now() - again >= 55, 'heard of a moment ago: others may not have heard of it yet')
    clock.advance(60)
    assert.equal(marker.mark(SELF), undefined)
  })

  test('of an agent that acts for itself is made longer only when less than a day is left', async () => {
    const { marker, commits, clock } = world()
    await marker.mark(SELF)
    clock.advance(TASK_AHEAD_MS)
    assert.equal(marker.mark(SELF), undefined)
    clock.advance(1)
    await marker.mark(SELF)
    assert.equal(commits.length, 2)
  })

  test('a node that cannot know says that it was marked; who is alone knows', () => {
    const [many, one] = [world({ alone: false }), world({ alone: true })]
    for (const lease of ['stale', 'lost'] as const) {
      many.state.lease = lease
      one.state.lease = lease
      assert.deepEqual([many.marker.untrusted(SELF), one.marker.untrusted(SELF)], [true, false])
    }
    assert.equal(many.marker.untrusted(SELF, false), false, 'only for the record: nobody marked it')
    many.marks.add(SELF.clientId, many.clock.now() + MINUTE)
    assert.equal(many.marker.untrusted(SELF, false), true)
    many.clock.advance(3 * MINUTE)
    many.marks.sweep()
    many.state.lease = 'fresh'
    assert.equal(many.marker.untrusted(SELF), false)
  })

  test('where memory ends everything counts as marked, and nothing is recorded as marked that was not', () => {
    const clock = handClock()
    const marks = createTaskMarks({ clock, maxMarks: 0 })
    const marker = createTaskMarker({
      ...{ marks, clock, follower: { lease: () => 'fresh' as const } },
      ...{ commit: async () => 0, alone: () => true },
    })
    marks.add('grt_other', clock.now() + MINUTE)
    assert.deepEqual([marker.untrusted(SELF), marker.untrusted(SELF, false)], [true, false])
  })
})
