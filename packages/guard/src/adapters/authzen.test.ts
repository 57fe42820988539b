/** 107: a decision point that is down, slow, wrong or nearly right. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock } from '@credence/kit/node'
import { createPipeline } from '../pipeline.ts'
import { listen } from '../testing/door-contract.ts'
import { factsOf, RESOURCE, random, testPipelineDeps } from '../testing/world.ts'
import { createAuthZenDecider } from './authzen.ts'

type Answer = { status?: number; type?: string; body: string; delay?: number }

const callWith = async (answer: Answer) => {
  let asked = ''
  const pdp = await listen((request, response) => {
    request.on('data', (chunk) => {
      asked += chunk
    })
    request.on('end', () =>
      setTimeout(() => {
        response.writeHead(answer.status ?? 200, { 'content-type': answer.type ?? 'application/json' }).end(answer.body)
      }, answer.delay ?? 0),
    )
  })
  const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: [new URL(pdp.origin).host] })
  const decider = createAuthZenDecider({ url: `${pdp.origin}/access/v1/evaluation`, fetch, random, timeoutMs: 200 })
  const deps = testPipelineDeps()
  let sent = 0
  try {
    await createPipeline({ ...deps, decider })({
      input: factsOf(deps.clock),
      map: () => ({ resource: RESOURCE, method: 'tools/call', name: 'read', arguments: { path: '/a' } }),
      send: () => ({ value: sent++ }),
    })
  } catch (error) {
    return { code: (error as { code: string }).code, sent, asked }
  } finally {
    await pdp.close()
    await fetch.close()
  }
  return { code: 'granted', sent, asked }
}

describe('a remote decision point', () => {
  test('a plain yes is a yes; it was asked in the words of the binding', async () => {
    const { code, sent, asked } = await callWith({ body: '{"decision":true}' })
    assert.equal(code, 'granted')
    assert.equal(sent, 1)
    const question = JSON.parse(asked)
    assert.deepEqual(question.subject.id, 'usr_1')
    assert.deepEqual(question.resource, {
      type: 'tool',
      id: 'read',
      properties: { server: RESOURCE, arguments: { path: '/a' }, labels: {} },
    })
  })

  test('a plain no is a refusal', async () => {
    const { code, sent } = await callWith({ body: '{"decision":false,"context":{"reason":"No."}}' })
    assert.equal(code, 'policy_refused')
    assert.equal(sent, 0)
  })

  const yes = '{"decision":true}'
  const nonsense: [string, Answer][] = [
    ['"true"', { body: '{"decision":"true"}' }],
    ['1', { body: '{"decision":1}' }],
    ['nothing', { body: '{}' }],
    ['a list', { body: '[{"decision":true}]' }],
    ['two decisions', { body: '{"decision":false,"decision":true}' }],
    ['cut off', { body: '{"decision":tru' }],
    ['empty', { body: '' }],
    ['500 with a yes', { status: 500, body: yes }],
    ['201 with a yes', { status: 201, body: yes }],
    ['a yes as HTML', { type: 'text/html', body: yes }],
    ['a yes that is late', { body: yes, delay: 600 }],
    ['a yes that is too long', { body: `{"decision":true,"context":{"x":"${'x'.repeat(100_000)}"}}` }],
  ]
  for (const [name, answer] of nonsense)
    test(`${name}: no permission`, async () => {
      const { code, sent } = await callWith(answer)
      assert.equal(code, 'decider_unavailable')
      assert.equal(sent, 0)
    })

  test('109: a yes with an obligation that nobody can meet, or read', async () => {
    for (const obligations of ['[{"id":"1","type":"redact"}]', '"redact"', '[7]']) {
      const { code, sent } = await callWith({ body: `{"decision":true,"context":{"obligations":${obligations}}}` })
      assert.equal(code, 'obligation_unmet')
      assert.equal(sent, 0)
    }
  })
})
