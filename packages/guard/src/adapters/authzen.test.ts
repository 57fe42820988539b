/** 107: a decision point that is down, slow, wrong or nearly right. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSafeFetch } from '@credence/kit/fetch'
import { nodeClock } from '@credence/kit/node'
import type { Decision } from '@credence/model'
import { createPipeline } from '../pipeline.ts'
import { listen } from '../testing/door-contract.ts'
import { factsOf, RESOURCE, random, testPipelineDeps } from '../testing/world.ts'
import { bothMustPermit, createAuthZenDecider } from './authzen.ts'

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
  const decider = createAuthZenDecider({ url: `${pdp.origin}/access/v1/evaluation`, fetch, random, timeoutMs: 600 })
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
    ['a yes that is late', { body: yes, delay: 1500 }],
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

describe('which decision point, and which request', () => {
  const KNOWN = '/.well-known/authzen-configuration'

  /** A decision point at `/tenant1`; the metadata is what a row says it is. */
  const callAt = async (
    metadata: (origin: string) => unknown,
    answer: { readonly id?: (sent: string) => string | undefined; readonly status?: number } = {},
  ) => {
    const asked: { url: string; id: string; body: string }[] = []
    const pdp = await listen(async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      const id = String(request.headers['x-request-id'] ?? '')
      asked.push({ url: request.url ?? '', id, body })
      const known = request.url?.startsWith(KNOWN) === true
      const named = known ? undefined : (answer.id ?? (() => undefined))(id)
      if (named !== undefined) response.setHeader('x-request-id', named)
      response.writeHead(known ? (answer.status ?? 200) : 200, { 'content-type': 'application/json' })
      response.end(known ? JSON.stringify(metadata(pdp.origin)) : '{"decision":true}')
    })
    const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: [new URL(pdp.origin).host] })
    const decider = createAuthZenDecider({
      decisionPoint: `${pdp.origin}/tenant1`,
      clock: nodeClock,
      fetch,
      random,
      timeoutMs: 2000,
      meets: ['notification', 'x-watermark'],
    })
    const deps = testPipelineDeps()
    const call = async (): Promise<string> => {
      try {
        return await createPipeline({ ...deps, decider })({
          input: factsOf(deps.clock),
          map: () => ({ resource: RESOURCE, method: 'tools/call', name: 'read', arguments: {} }),
          send: () => ({ value: 'granted' }),
        })
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    const codes = [await call(), await call()]
    await pdp.close()
    await fetch.close()
    return { codes, asked }
  }

  const good = (origin: string) => ({
    policy_decision_point: `${origin}/tenant1`,
    access_evaluation_endpoint: `${origin}/elsewhere/evaluate`,
    supported_obligations: ['step-up', 'notification'],
  })

  test('found by the path inserted, asked where the metadata says, told what can be met', async () => {
    const { codes, asked } = await callAt(good, { id: (sent) => sent })
    assert.deepEqual(codes, ['granted', 'granted'])
    assert.deepEqual(
      asked.map(({ url }) => url),
      [`${KNOWN}/tenant1`, '/elsewhere/evaluate', '/elsewhere/evaluate'],
    )
    assert.deepEqual(JSON.parse(asked[1]?.body ?? '').context.supported_obligations, ['notification'])
    assert.match(asked[1]?.id ?? '', /^dec_/)
    assert.notEqual(asked[1]?.id, asked[2]?.id)
  })

  test('mix-up: metadata of another decision point is not used, and neither is none', async () => {
    const wrong: readonly ((origin: string) => unknown)[] = [
      (origin) => ({ ...good(origin), policy_decision_point: origin }),
      (origin) => ({ ...good(origin), policy_decision_point: `${origin}/tenant2` }),
      (origin) => ({ ...good(origin), policy_decision_point: `${origin}/tenant1/` }),
      (origin) => ({ ...good(origin), policy_decision_point: undefined }),
      (origin) => ({ ...good(origin), access_evaluation_endpoint: undefined }),
      () => [],
    ]
    for (const metadata of wrong) {
      const { codes, asked } = await callAt(metadata)
      assert.deepEqual(codes, ['decider_unavailable', 'decider_unavailable'])
      assert.ok(asked.every(({ url }) => url.startsWith(KNOWN)))
    }
    assert.deepEqual((await callAt(good, { status: 404 })).codes, ['decider_unavailable', 'decider_unavailable'])
  })

  test('an answer to another request is no answer; one without a name is heard', async () => {
    assert.deepEqual((await callAt(good, { id: () => 'dec_other' })).codes, [
      'decider_unavailable',
      'decider_unavailable',
    ])
    assert.deepEqual((await callAt(good, { id: () => undefined })).codes, ['granted', 'granted'])
  })
})

describe('where questions and credentials go', () => {
  const operation = { op: 'o', method: 'tools/call', name: 'x', resource: 'r', arguments: {}, labels: {} } as never
  const caller = { subject: { iss: 'i', sub: 's' }, actors: [], scope: [], clientId: 'c' } as never
  const PDP = 'https://pdp.example'

  /** Metadata that names this endpoint; what was sent where. */
  const askedAt = async (endpoint: string, headers: Record<string, string> | undefined, context: object = {}) => {
    const sent: string[] = []
    const decider = createAuthZenDecider({
      decisionPoint: PDP,
      clock: nodeClock,
      random,
      ...(headers === undefined ? {} : { headers: () => headers }),
      fetch: async (url, request = {}) => {
        if (request.method === 'POST') sent.push(`${url} ${request.headers?.authorization ?? 'nothing'}`)
        const body =
          request.method === 'POST'
            ? { decision: true, context }
            : { policy_decision_point: PDP, access_evaluation_endpoint: endpoint }
        return { status: 200, headers: {}, bytes: Buffer.from(JSON.stringify(body)), url }
      },
    })
    const decided = await Promise.resolve(decider.decide(operation, caller)).catch(
      (error: { code: string }) => error.code,
    )
    return { sent, decided }
  }

  test('credentials go to the configured origin, whatever the metadata names; without any another host may answer', async () => {
    const headers = { authorization: 'Bearer sesame' }
    assert.deepEqual((await askedAt(`${PDP}/e`, headers)).sent, [`${PDP}/e Bearer sesame`])
    for (const other of [
      'https://thief.example/e',
      'https://pdp.example:8443/e',
      'https://pdp.example@thief.example/e',
    ])
      assert.deepEqual(await askedAt(other, headers), { sent: [], decided: 'decider_unavailable' }, other)
    assert.deepEqual((await askedAt('https://other.example/e', undefined)).sent, ['https://other.example/e nothing'])
  })

  test('nothing is asked in clear text beyond this machine', async () => {
    for (const clear of [
      'http://pdp.example/e',
      'http://10.0.0.1/e',
      'http://localhost.example/e',
      'ftp://localhost/e',
    ])
      assert.deepEqual(await askedAt(clear, undefined), { sent: [], decided: 'decider_unavailable' }, clear)
    assert.deepEqual((await askedAt('http://127.0.0.1:8181/e', undefined)).sent, ['http://127.0.0.1:8181/e nothing'])
    const rest = { fetch: () => assert.fail('asked'), clock: nodeClock, random }
    for (const where of [{ url: 'http://pdp.example/e' }, { decisionPoint: 'http://pdp.example' }])
      assert.throws(() => createAuthZenDecider({ ...rest, ...where }), { code: 'decider_unavailable' })
  })

  test('what it says is one line, of bounded length', async () => {
    const reason = 'a\r\nSet-Cookie: b\u001b[31m\u0007\u202e\u2028c'
    const { decided } = await askedAt(`${PDP}/e`, undefined, {
      reason,
      version: 'v\n1',
      policies: ['p\u0001q', 'x'.repeat(9_000)],
    })
    const { policies, policyVersion, reason: said } = decided as Decision
    assert.equal(said, 'a Set-Cookie: b [31m c')
    assert.equal(policyVersion, 'v 1')
    assert.equal(policies[0], 'pdp.example/p q')
    assert.ok((policies[1] ?? '').length < 300)
  })
})

describe('obligations (AuthZEN Profile for Obligations, draft 1)', () => {
  const notify = { id: 'o1', type: 'notification', properties: { to: 'a@b.example', body: 'x' } }
  const stepUp = { id: 'o2', type: 'step-up', properties: { acr_value: 'high' } }

  const met = async (decision: boolean, demanded: unknown) => {
    const done: string[] = []
    const deps = testPipelineDeps()
    const pdp = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ decision, context: { obligations: demanded } }))
    })
    const fetch = createSafeFetch({ clock: nodeClock, allowPrivate: [new URL(pdp.origin).host] })
    const decider = createAuthZenDecider({ url: pdp.origin, fetch, random })
    const obligations = {
      met: ({ type, id }: { type: string; id: string }) => {
        if (type !== 'notification') return false
        done.push(id)
        return true
      },
    }
    let code = 'granted'
    try {
      await createPipeline({ ...deps, decider, obligations })({
        input: factsOf(deps.clock),
        map: () => ({ resource: RESOURCE, method: 'tools/call', name: 'read', arguments: {} }),
        send: () => ({ value: 1 }),
      })
    } catch (error) {
      code = (error as { code: string }).code
    }
    await pdp.close()
    await fetch.close()
    return [code, done]
  }

  test('a yes counts when all are met; what can be met is met whatever the answer', async () => {
    const other = { ...notify, id: 'o3' }
    assert.deepEqual(await met(true, [notify]), ['granted', ['o1']])
    assert.deepEqual(await met(true, [stepUp, notify, other]), ['obligation_unmet', ['o1', 'o3']])
    assert.deepEqual(await met(false, [notify, stepUp]), ['policy_refused', ['o1']])
    assert.deepEqual(await met(true, [{ ...notify, properties: { to: 'a@b.example' } }]), ['obligation_unmet', []])
    assert.deepEqual(await met(true, [notify, notify]), ['obligation_unmet', ['o1']])
  })
})

test('beside our own: granted only if both grant, and no word of what ours refused', async () => {
  const decision = (effect: string, id: string) => ({
    id,
    effect,
    policies: [id],
    policyVersion: id,
    reason: id,
    errors: [],
    obligations: [{ id, type: id, properties: {} }],
  })
  for (const ours of ['granted', 'refused', 'pending']) {
    for (const theirs of ['granted', 'refused', 'pending']) {
      let asked = 0
      const first = { decide: () => decision(ours, 'a') as never }
      const second = {
        decide: async () => {
          asked += 1
          return decision(theirs, 'b') as never
        },
      }
      const both = await bothMustPermit(first, second).decide({} as never, {} as never)
      assert.equal(both.effect, ours === 'granted' ? theirs : ours)
      assert.equal(asked, ours === 'granted' ? 1 : 0)
      if (ours !== 'granted') continue
      assert.deepEqual([both.policies, both.policyVersion, both.obligations.length], [['a', 'b'], 'a+b', 2])
    }
  }
  const broken = { decide: () => Promise.reject(new Error('down')) }
  const yes = { decide: () => decision('granted', 'a') as never }
  await assert.rejects(async () => bothMustPermit(yes, broken).decide({} as never, {} as never))
  await assert.rejects(async () => bothMustPermit(broken, yes).decide({} as never, {} as never))
})
