/** Many questions in one request, beside everybody else's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerEvaluations, answerSearch } from './answers.ts'
import type { DecisionPoint } from './point.ts'

const CANDIDATES = Array.from({ length: 1000 }, (_, index) => `user-${1000 + index}`)

const point: DecisionPoint = {
  identifier: 'https://pdp.example',
  scan: 5000,
  pin: () => ({
    evaluate: () => ({ decision: true, context: { reason: 'yes', policies: [], version: '1' } }),
    candidates: async () => CANDIDATES,
    permits: () => ({ decision: true, context: { reason: 'yes', policies: [], version: '1' } }),
  }),
}

const tokens = { open: () => ({ after: undefined, limit: undefined }), make: () => 'token' }

/** How often the others had their turn until it was answered. */
const turnsDuring = async (answering: () => Promise<unknown>): Promise<number> => {
  let turns = 0
  const next = (): NodeJS.Immediate =>
    setImmediate(() => {
      turns++
      waiting = next()
    })
  let waiting = next()
  await answering()
  clearImmediate(waiting)
  return turns
}

const entity = (type: string) => ({ type, id: '1' })
const asked = { subject: entity('user'), action: { name: 'read' }, resource: entity('record') }

test('a batch or a search of any size lets others be served in between', async () => {
  const batch = { ...asked, evaluations: CANDIDATES.map(() => ({})) }
  assert.ok((await turnsDuring(() => answerEvaluations(point, batch))) >= 10)
  assert.ok((await turnsDuring(() => answerSearch(point, 'subject', asked, tokens))) >= 10)
})

test('none is lost in between', async () => {
  const { results } = (await answerSearch(point, 'subject', asked, tokens)) as { results: { id: string }[] }
  assert.deepEqual(
    results.map(({ id }) => id),
    CANDIDATES,
  )
})

test('how much is asked is told before the first answer, and what that throws is the answer', async () => {
  let answered = 0
  const counting: DecisionPoint = {
    ...point,
    scan: 300,
    pin: () => ({
      ...point.pin(),
      evaluate: (request) => {
        answered += 1
        return point.pin().evaluate(request)
      },
      permits: (request) => {
        answered += 1
        return point.pin().permits(request)
      },
    }),
  }
  const spent: number[] = []
  const enough = new Error('enough')
  const spend = (questions: number): void => {
    spent.push(questions)
    throw enough
  }
  const batch = { ...asked, evaluations: CANDIDATES.map(() => ({})) }
  await assert.rejects(answerEvaluations(counting, batch, spend), enough)
  await assert.rejects(answerSearch(counting, 'subject', asked, tokens, spend), enough)
  assert.deepEqual(spent, [1000, 300])
  assert.equal(answered, 0)
})
