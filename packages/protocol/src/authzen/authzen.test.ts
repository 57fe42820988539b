import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { evaluationOf, isPassThrough } from '../coaz/index.ts'
import { refusedWith } from '../testing/refused.ts'
import { readVectors } from '../testing/vectors.ts'
import { endsBatch, parseEvaluationRequest, parseEvaluationResponse, parseEvaluationsRequest } from './index.ts'

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
  assert.deepEqual(parsed.items[0]?.resource, resource)
  assert.deepEqual(parsed.items[1]?.resource, { type: 'record', id: '2' })
  assert.equal(parsed.items[2], undefined)
  assert.equal(parsed.semantic, 'deny_on_first_deny')
  assert.ok(parseEvaluationsRequest({ subject, action, resource, evaluations: [] }).single)
  refusedWith('authzen_request_malformed', () =>
    parseEvaluationsRequest({ subject, action, resource, options: { evaluations_semantic: 'guess' } }),
  )
  assert.ok(endsBatch('deny_on_first_deny', false) && endsBatch('permit_on_first_permit', true))
  assert.ok(!endsBatch('execute_all', false) && !endsBatch('deny_on_first_deny', true))
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
  for (const { request } of evaluations)
    assert.ok(parseEvaluationsRequest(request).items.every((item) => item !== undefined))
})

test('COAZ-MCP: the default mapping takes the subject from the token alone', () => {
  const token = { sub: 'usr_1', aud: 'https://gw.example/mcp/files', client_id: 'agt_1' }
  assert.deepEqual(evaluationOf('tools/call', { name: 'read', arguments: { a: 1 }, sub: 'usr_2' }, token), {
    subject: { type: 'identity', id: 'usr_1' },
    action: { name: 'tools/call' },
    resource: { type: 'tool', id: 'read', properties: { arguments: { a: 1 } } },
    context: { agent: 'agt_1' },
  })
  assert.deepEqual(evaluationOf('tools/list', {}, token).resource, { type: 'mcp_server', id: token.aud })
  refusedWith('coaz_method_unmapped', () => evaluationOf('__proto__', {}, token))
  refusedWith('coaz_mapping_failed', () => evaluationOf('tools/call', { name: { a: 1 } }, token))
  assert.ok(isPassThrough('ping') && isPassThrough('notifications/x') && !isPassThrough('tools/list'))
})
