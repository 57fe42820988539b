import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { refusedWith } from '../testing/refused.ts'
import { readVectors } from '../testing/vectors.ts'
import {
  createPdpMetadata,
  EvaluationRequest,
  endsBatch,
  isMalformed,
  MAXIMUM_ITEMS,
  metadataUrl,
  parseEvaluationRequest,
  parseEvaluationResponse,
  parseEvaluationsRequest,
  parsePdpMetadata,
  parseSearchRequest,
} from './index.ts'

const subject = { type: 'user', id: 'alice' }
const action = { name: 'read' }
const resource = { type: 'record', id: '1', properties: { secret: true } }

test('evaluation: required members, unknown ones ignored', () => {
  assert.deepEqual(parseEvaluationRequest({ subject, action, resource, more: 1 }), { subject, action, resource })
  for (const bad of [
    null,
    [],
    {},
    { subject, action },
    { subject: { id: 'a' }, action, resource },
    { subject: { type: 'user', id: 7 }, action, resource },
    { subject, action: {}, resource },
    { subject, action: 'read', resource },
  ]) {
    refusedWith('authzen_request_malformed', () => parseEvaluationRequest(bad))
  }
})

test('evaluations: an item replaces the default whole, properties never leak', () => {
  const parsed = parseEvaluationsRequest({
    subject,
    action,
    resource,
    evaluations: [{}, { resource: { id: '2' } }, { subject: { type: 'user' } }],
    options: { evaluations_semantic: 'deny_on_first_deny' },
  })
  const [whole, other, broken] = parsed.items
  assert.deepEqual(whole, { subject, action, resource })
  assert.deepEqual(other, { subject, action, resource: { type: 'record', id: '2' } })
  assert.deepEqual(broken, { malformed: 'subject.id is missing.' })
  assert.equal(parsed.semantic, 'deny_on_first_deny')
  assert.ok(parseEvaluationsRequest({ subject, action, resource, evaluations: [] }).single)
  refusedWith('authzen_request_malformed', () =>
    parseEvaluationsRequest({ subject, action, resource, options: { evaluations_semantic: 'guess' } }),
  )
  assert.ok(endsBatch('deny_on_first_deny', false) && endsBatch('permit_on_first_permit', true))
  assert.ok(!endsBatch('execute_all', false) && !endsBatch('deny_on_first_deny', true))
})

test('evaluations: an item of the wrong shape fails alone, a payload of the wrong shape fails whole', () => {
  const items = [{ subject: 'alice' }, { action: null }, { resource: [] }, { context: null }, { action: { name: 7 } }]
  const parsed = parseEvaluationsRequest({ subject, action, resource, evaluations: items })
  // `null` is something: the default does not stand for it.
  assert.deepEqual(
    parsed.items.map((item) => ('malformed' in item ? 'malformed' : 'good')),
    items.map(() => 'malformed'),
  )
  const many = Array.from({ length: MAXIMUM_ITEMS + 1 }, () => ({}))
  for (const bad of [
    { evaluations: {} },
    { evaluations: ['x'] },
    { evaluations: [null] },
    { evaluations: many },
    { subject: 'alice', evaluations: [{}] },
    { evaluations: [{}], options: [] },
    { evaluations: [{}], options: { evaluations_semantic: 1 } },
    {},
    [],
    null,
  ]) {
    refusedWith('authzen_request_malformed', () => parseEvaluationsRequest(bad))
  }
})

/** Values that a caller might send where a text or an object is wanted. */
const odd: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  true,
  '',
  'x',
  'x'.repeat(2048),
  'x'.repeat(2049),
  [],
  ['x'],
  {},
  { type: 't', id: 'i' },
  { name: 'n' },
  JSON.parse('{"__proto__":{"type":"t","id":"i","name":"n"}}'),
]

test('what reads a request and what describes it agree', () => {
  const good = { subject, action, resource, context: {} }
  const cases: unknown[] = [...odd, good]
  for (const part of ['subject', 'action', 'resource', 'context'] as const) {
    for (const value of odd) {
      cases.push({ ...good, [part]: value })
      for (const name of ['type', 'id', 'name', 'properties'])
        cases.push({ ...good, [part]: { ...good[part], [name]: value } })
    }
  }
  const reads = (value: unknown): boolean => {
    try {
      parseEvaluationRequest(value)
      return true
    } catch {
      return false
    }
  }
  for (const one of cases) assert.equal(reads(one), EvaluationRequest.safeParse(one).success, JSON.stringify(one))
  assert.ok(cases.filter(reads).length > 50 && cases.filter((one) => !reads(one)).length > 50)
})

test('whatever is sent: it is read as it is described, or refused as malformed', () => {
  const part = fc.oneof(fc.constantFrom<unknown>(subject, action, resource, ...odd), fc.jsonValue())
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record({ subject: part, action: part, resource: part, context: part, evaluations: part }, { requiredKeys: [] }),
  )
  const readers = [
    (value: unknown) => void parseEvaluationRequest(value),
    (value: unknown) => void parseEvaluationsRequest(value),
    ...(['subject', 'resource', 'action'] as const).map(
      (kind) => (value: unknown) => void parseSearchRequest(kind, value).of('x'),
    ),
  ]
  fc.assert(
    fc.property(body, (value) => {
      const [single] = readers.map((read) => {
        try {
          read(value)
          return true
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'authzen_request_malformed')
          return false
        }
      })
      assert.equal(single, EvaluationRequest.safeParse(value).success)
    }),
    { numRuns: 2000 },
  )
})

test('search: the id of the searched entity is not read, everything else is needed', () => {
  const found = parseSearchRequest('subject', { subject: { type: 'user', id: 7, properties: 'x' }, action, resource })
  assert.deepEqual(found.asked.subject, { type: 'user' })
  assert.deepEqual(found.of('bob').subject, { type: 'user', id: 'bob' })
  assert.deepEqual(parseSearchRequest('resource', { subject, action, resource: { type: 'record' } }).of('2'), {
    subject,
    action,
    resource: { type: 'record', id: '2' },
  })
  const actions = parseSearchRequest('action', {
    subject,
    resource,
    action: { name: 'read' },
    page: { limit: 5000, x: 1 },
  })
  assert.deepEqual(actions.of('write'), { subject, resource, action: { name: 'write' } })
  assert.deepEqual(actions.page, { limit: 1000 })
  const bad: [Parameters<typeof parseSearchRequest>[0], object][] = [
    ['subject', { subject, action }],
    ['subject', { subject: {}, action, resource }],
    ['subject', { subject: { type: 'user' }, action, resource: { type: 'record' } }],
    ['subject', { subject: { type: 'user' }, resource }],
    ['resource', { action, resource: { type: 'record' } }],
    ['resource', { subject: { type: 'user' }, action, resource: { type: 'record' } }],
    ['action', { subject }],
    ['action', { subject: { type: 'user' }, resource }],
    ...[0, -1, 1.5, '1', null].map((limit) => ['action', { subject, resource, page: { limit } }] as ['action', object]),
    ['action', { subject, resource, page: [] }],
    ['action', { subject, resource, page: { token: 1 } }],
    ['action', []],
  ]
  for (const [kind, body] of bad) refusedWith('authzen_request_malformed', () => parseSearchRequest(kind, body))
})

test('metadata: the path is inserted, and the metadata of another decision point is not used', () => {
  const known = '/.well-known/authzen-configuration'
  assert.equal(metadataUrl('https://pdp.example'), `https://pdp.example${known}`)
  assert.equal(metadataUrl('https://pdp.example/'), `https://pdp.example${known}`)
  assert.equal(metadataUrl('https://pdp.example:8443/a/tenant1'), `https://pdp.example:8443${known}/a/tenant1`)
  const metadata = createPdpMetadata('https://pdp.example/tenant1')
  assert.equal(metadata.search_action_endpoint, 'https://pdp.example/tenant1/access/v1/search/action')
  assert.deepEqual(parsePdpMetadata({ ...metadata, new: 1 }, 'https://pdp.example/tenant1'), metadata)
  for (const [body, point] of [
    [metadata, 'https://pdp.example'],
    [metadata, 'https://pdp.example/tenant1/'],
    [{ ...metadata, policy_decision_point: undefined }, 'https://pdp.example/tenant1'],
    [{ policy_decision_point: 'https://pdp.example/tenant1' }, 'https://pdp.example/tenant1'],
    [[], 'https://pdp.example/tenant1'],
  ] as const)
    refusedWith('authzen_metadata_refused', () => parsePdpMetadata(body, point))
})

test('a decision is a boolean', () => {
  assert.equal(parseEvaluationResponse({ decision: true }).decision, true)
  for (const bad of [{ decision: 'true' }, { decision: 1 }, {}, null, [true]]) {
    refusedWith('authzen_response_malformed', () => parseEvaluationResponse(bad))
  }
})

const vectors = readVectors('authzen/decisions-authorization-api-1_0-02.json')
test('requests of the interoperability vectors are read', {
  skip: vectors === undefined ? 'vectors missing' : false,
}, () => {
  const { evaluation, evaluations } = z
    .object({
      evaluation: z.array(z.object({ request: z.unknown() })),
      evaluations: z.array(z.object({ request: z.unknown() })),
    })
    .parse(vectors)
  assert.ok(evaluation.length > 0 && evaluations.length > 0)
  for (const { request } of evaluation) parseEvaluationRequest(request)
  for (const { request } of evaluations) assert.ok(!parseEvaluationsRequest(request).items.some(isMalformed))
})
