import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuthZenOptions, compilePolicySet, evaluateAuthZen, quickstartPolicies } from './index.ts'
import { AGENT, ALICE, clock, FILES, ISSUER, OPERATOR, registry, SUSPENDED } from './testing/facts.ts'

/** The fixture of the AuthZEN certification scenario: records that people read, write and delete. */
const SCHEMA = `
type Properties = { status?: String, role?: String };
entity user = { properties?: Properties };
entity record = { properties?: Properties };
action "read", "write" appliesTo { principal: [user], resource: [record], context: {} };
action "delete" appliesTo { principal: [user], resource: [record], context: { soft?: Bool } };
`
const POLICIES = `
@id("everybody-reads") permit (principal, action == Action::"read", resource is record);
@id("alice-writes") permit (principal == user::"alice", action == Action::"write", resource is record)
unless { resource has properties && resource.properties has status && resource.properties.status == "archived" };
@id("soft-delete") permit (principal == user::"alice", action == Action::"delete", resource is record)
when { context has soft && context.soft };
`
const snapshot = await compilePolicySet({
  files: [{ name: 'a.cedar', text: POLICIES }],
  schema: { name: 's', text: SCHEMA },
})
const options: AuthZenOptions = { snapshot, registry, clock, issuer: ISSUER }
const record = (action: string, subject: string, properties?: object, context?: object) => ({
  subject: { type: 'user', id: subject },
  action: { name: action },
  resource: { type: 'record', id: 'record-1', ...(properties === undefined ? {} : { properties }) },
  ...(context === undefined ? {} : { context }),
})

test("decisions over the types of a folder's own schema", async () => {
  const rows: [object, boolean, string[]][] = [
    [record('read', 'bob'), true, ['everybody-reads']],
    [record('write', 'alice'), true, ['alice-writes']],
    [record('write', 'bob'), false, []],
    [record('write', 'alice', { status: 'archived' }), false, []],
    [record('write', 'alice', { unknown: [1] }), true, ['alice-writes']],
    [record('delete', 'alice', undefined, { soft: true }), true, ['soft-delete']],
    [record('delete', 'alice', undefined, { soft: false }), false, []],
    [record('delete', 'alice'), false, []],
    [record('delete', 'alice', undefined, { soft: 'true' }), false, []],
    [record('write', 'alice', { status: 1 }), false, []],
    [{ ...record('read', 'bob'), unknown: 1 }, true, ['everybody-reads']],
  ]
  for (const [request, decision, policies] of rows) {
    const answer = await evaluateAuthZen(request, options)
    assert.deepEqual([answer.decision, answer.context.policies], [decision, policies], JSON.stringify(request))
    assert.equal(answer.context.version, snapshot.version)
  }
})

test('Authorization API 1.0: what is malformed is an error, never a decision', async () => {
  const good = record('read', 'bob')
  const { subject: _s, ...noSubject } = good
  const wrong: unknown[] = [
    undefined,
    null,
    [],
    'text',
    {},
    noSubject,
    { ...good, action: {} },
    { ...good, resource: { type: 'record' } },
    { ...good, subject: { id: 'bob' } },
    { ...good, subject: { type: 'user', id: 1 } },
    { ...good, action: { name: '' } },
    { ...good, context: 'text' },
    { ...good, resource: { ...good.resource, properties: [] } },
  ]
  for (const request of wrong)
    await assert.rejects(evaluateAuthZen(request, options), { kind: 'refused', status: 400 }, JSON.stringify(request))
})

test('a request cannot make an entity of ours, nor say anything about one', async () => {
  const text = 'permit (principal, action, resource);'
  const open = { ...options, snapshot: await compilePolicySet({ files: [{ name: 'a.cedar', text }] }) }
  const ask = (subject: object, action: string, resource: object, more: object = {}) =>
    evaluateAuthZen(
      {
        subject,
        action: { name: action },
        resource,
        context: { granted: true, proof: 'dpop', scopes: ['admin'], own: true },
        ...more,
      },
      open,
    )
  const agent = { type: 'agent', id: AGENT, properties: { role: 'operator', status: 'active' } }
  const tool = { type: 'tool', id: 'read_file', properties: { server: FILES } }
  for (const type of [
    'Agent',
    'Tool',
    'Person',
    'Owner',
    'Authority',
    'Action',
    'X::Action',
    'no type',
    'a"b',
    '__proto__::',
  ]) {
    assert.equal((await ask({ type, id: OPERATOR }, 'read', { type: 'thing', id: '1' })).decision, false, type)
    assert.equal((await ask({ type: 'user', id: '1' }, 'read', { type, id: '1' })).decision, false, type)
  }
  assert.deepEqual((await ask(agent, 'tools/call', tool)).context.policies, ['grant'])
  assert.equal((await ask(agent, 'agent.add', { type: 'authority', id: 'authority' })).decision, false)
  assert.equal((await ask({ type: 'agent', id: SUSPENDED }, 'read', { type: 'thing', id: '1' })).decision, false)
  assert.equal((await ask({ type: 'user', id: '\ud800' }, 'read', { type: 'thing', id: '1' })).decision, false)
})

test('verified facts from whoever mounts it count', async () => {
  const ours = { ...options, snapshot: await compilePolicySet(quickstartPolicies()) }
  const request = {
    subject: { type: 'agent', id: AGENT },
    action: { name: 'tools/call' },
    resource: { type: 'tool', id: JSON.stringify([FILES, 'read_file']) },
  }
  const with_ = (proof: 'dpop' | 'none') => ({ ...ours, verified: () => ({ subject: ALICE, granted: true, proof }) })
  assert.deepEqual((await evaluateAuthZen(request, with_('dpop'))).context.policies, ['granted-tools'])
  assert.deepEqual((await evaluateAuthZen(request, with_('none'))).context.policies, ['bearer-consequential'])
  const broken = { ...ours, verified: () => Promise.reject(new Error('down')) }
  assert.equal((await evaluateAuthZen(request, broken)).decision, false)
})
