import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@credence/kit/json'
import { parseEvaluationRequest } from '@credence/protocol/authzen'
import { searchPage } from './authzen-search.ts'
import {
  type AuthZenOptions,
  applicableActions,
  compilePolicySet,
  decideAuthZen,
  evaluateAuthZen,
  knownEntities,
} from './index.ts'
import { clock, ISSUER, registry } from './testing/facts.ts'

const SCHEMA = `
entity team in [team];
entity user in [team] = { role?: String, properties?: { role?: String } };
entity shelf;
entity record in [shelf] = { status: String, properties?: { status?: String } };
action "read", "write" appliesTo { principal: [user], resource: [record], context: {} };
action "delete" appliesTo { principal: [user], resource: [record], context: { action?: { soft?: Bool } } };
`
const POLICIES = `
@id("staff-read") permit (principal in team::"staff", action == Action::"read", resource is record);
@id("write-active") permit (principal in team::"editors", action == Action::"write", resource is record)
when { resource.status == "active" && !(resource has properties && resource.properties has status && resource.properties.status == "archived") };
@id("soft") permit (principal, action == Action::"delete", resource in shelf::"one")
when { context has action && context.action has soft && context.action.soft };
`
const uid = (type: string, id: string) => ({ type, id })
const ENTITIES: JsonValue = [
  { uid: uid('team', 'staff') },
  { uid: uid('team', 'editors'), parents: [uid('team', 'staff')] },
  { uid: uid('user', 'alice'), parents: [uid('team', 'editors')] },
  { uid: uid('user', 'bob'), attrs: { role: 'admin' }, parents: [uid('team', 'staff')] },
  { uid: uid('user', 'eve') },
  { uid: uid('user', '__proto__') },
  { uid: uid('record', '1'), attrs: { status: 'active' }, parents: [uid('shelf', 'one')] },
  { uid: uid('record', '2'), attrs: { status: 'archived' } },
]
const snapshot = await compilePolicySet({
  files: [{ name: 'a.cedar', text: POLICIES }],
  schema: { name: 's', text: SCHEMA },
})
const options: AuthZenOptions = { snapshot, registry, clock, issuer: ISSUER, entities: knownEntities(ENTITIES) }

const ask = (subject: string, name: string, resource: string, more: object = {}, properties?: object) => ({
  subject: { type: 'user', id: subject },
  action: { name, ...(properties === undefined ? {} : { properties }) },
  resource: { type: 'record', id: resource, ...more },
})
const decides = async (request: object) => (await evaluateAuthZen(request, options)).decision

test('membership counts through every group; what the request says of an entity stands beside what is known', async () => {
  assert.equal(await decides(ask('alice', 'read', '1')), true, 'a member of a member')
  assert.equal(await decides(ask('eve', 'read', '1')), false)
  assert.equal(await decides(ask('alice', 'write', '1')), true)
  assert.equal(await decides(ask('alice', 'write', '2')), false, 'as it is known')
  assert.equal(
    await decides(ask('alice', 'write', '1', { properties: { status: 'archived' } })),
    false,
    'as it is said',
  )
  assert.equal(
    await decides(ask('alice', 'write', '2', { properties: { status: 'active' } })),
    false,
    'no word opens it',
  )
})

test('of a known type only what is known exists', async () => {
  for (const id of ['nobody', '__proto__', 'constructor', 'toString', 'a"b', 'Alice', 'x'.repeat(2048)])
    assert.equal(await decides(ask(id, 'read', '1')), false, id)
  assert.equal(await decides(ask('alice', 'read', '3')), false)
  assert.equal(await decides({ ...ask('alice', 'read', '1'), resource: { type: 'other', id: '1' } }), false)
})

test('properties of the action are its own: no context stands for them', async () => {
  assert.equal(await decides(ask('bob', 'delete', '1', {}, { soft: true })), true)
  for (const soft of [false, 'true', 1, null, [true]])
    assert.equal(await decides(ask('bob', 'delete', '1', {}, { soft })), false, String(soft))
  assert.equal(await decides(ask('bob', 'delete', '1')), false)
  assert.equal(await decides({ ...ask('bob', 'delete', '1'), context: { action: { soft: true } } }), false)
  assert.equal(
    await decides({ ...ask('bob', 'delete', '1', {}, { soft: false }), context: { action: { soft: true } } }),
    false,
  )
})

test('a file of entities that is not exactly one is refused', () => {
  const user = { uid: uid('user', 'a') }
  const bad: JsonValue[] = [
    {},
    'x',
    [1],
    [{}],
    [{ uid: { type: 'user' } }],
    [{ uid: { type: 'user', id: '' } }],
    [{ uid: { type: 'user', id: 'x'.repeat(2049) } }],
    [{ uid: { type: 'Agent', id: 'agt_1' } }],
    [{ uid: { type: 'Action', id: 'read' } }],
    [{ uid: { type: 'a b', id: '1' } }],
    [{ ...user, parents: [uid('Owner', 'own_1')] }],
    [{ ...user, attrs: [] }],
    [{ ...user, attrs: { n: 1.5 } }],
    [{ ...user, attrs: { n: null } }],
    [{ ...user, attrs: { properties: { banned: true } } }],
    [{ ...user, parents: {} }],
    [user, user],
    [
      { uid: uid('t', 'a'), parents: [uid('t', 'b')] },
      { uid: uid('t', 'b'), parents: [uid('t', 'a')] },
    ],
  ]
  for (const list of bad) assert.throws(() => knownEntities(list), { kind: 'refused' }, JSON.stringify(list))
})

test('a search finds what the evaluation permits, no more and no less, whatever the pages', async () => {
  const users = options.entities?.ofType('user')?.map(({ uid: { id } }) => id) ?? []
  assert.deepEqual(users, ['__proto__', 'alice', 'bob', 'eve'])
  const permits = async (id: string) =>
    (await decideAuthZen(parseEvaluationRequest(ask(id, 'read', '1')), options)).decision
  for (const limit of [1, 2, 100]) {
    for (const scan of [1, 3, 100]) {
      const found: string[] = []
      let after: string | undefined
      let rounds = 0
      do {
        const page = await searchPage({ candidates: users, permits, after, limit, scan })
        assert.ok(page.found.length <= limit)
        found.push(...page.found)
        after = page.next
        rounds += 1
      } while (after !== undefined)
      assert.deepEqual(found, ['alice', 'bob'])
      assert.ok(rounds <= users.length)
    }
  }
  const behind = await searchPage({ candidates: users, permits, after: 'alicia', limit: 10, scan: 10 })
  assert.deepEqual(behind, { found: ['bob'], next: undefined })
})

test('the actions of two types are those that the schema declares for them', () => {
  assert.deepEqual(applicableActions(snapshot, 'user', 'record'), ['delete', 'read', 'write'])
  assert.deepEqual(applicableActions(snapshot, 'record', 'user'), [])
  assert.deepEqual(applicableActions(snapshot, 'Agent', 'Tool'), ['tools/call'])
})

test('what the context holds beside what is declared costs nothing: a batch says one context for many questions', async () => {
  const context = Object.defineProperty({}, 'large', {
    enumerable: true,
    get: () => assert.fail('what no policy can see is not read'),
  })
  const request = { ...parseEvaluationRequest(ask('bob', 'delete', '1', {}, { soft: true })), context }
  assert.equal((await decideAuthZen(request, options)).decision, true)
})
