/** The framework and its binding for MCP: the draft's own examples, and what must be a mapping error. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject, JsonValue } from '@credence/kit/json'
import { refusedWith } from '../testing/refused.ts'
import { mcpExpressions } from './cel.ts'
import { type CoazToken, declaredMapping, evaluationOf, isPassThrough, readMapping, readOwnMapping } from './index.ts'

const read = mcpExpressions()
const token: CoazToken = {
  sub: 'alice@example.com',
  client_id: 'http://agentprovider.com/agent-app-id',
  iss: 'https://auth.example.com',
  aud: 'https://mcp.example.com',
  roles: ['staff'],
}
const subject = { type: 'identity', id: '$token.sub' }
const context = { agent: '$token.?client_id' }
const asked = (mapping: JsonValue, params: JsonObject, by: CoazToken = token) =>
  readOwnMapping(mapping, read).evaluations(params, by)
const failed = (mapping: JsonValue, params: JsonObject = {}, by: CoazToken = token) =>
  refusedWith('coaz_mapping_failed', () => asked(mapping, params, by))

describe('examples of the drafts', () => {
  test('one decision', () => {
    const mapping = {
      evaluation: {
        subject,
        action: { name: 'get_customer' },
        resource: { type: 'customer', id: '$params.arguments.id' },
        context: { ...context, case: '$params.arguments.case' },
      },
    }
    const params = { name: 'get_customer', arguments: { id: 'cust-12345', case: 'case-67890' } }
    assert.deepEqual(asked(mapping, params), [
      {
        subject: { type: 'identity', id: 'alice@example.com' },
        action: { name: 'get_customer' },
        resource: { type: 'customer', id: 'cust-12345' },
        context: { agent: 'http://agentprovider.com/agent-app-id', case: 'case-67890' },
      },
    ])
    // Plain selection of what is not there is an error, never an omission.
    failed(mapping, { name: 'get_customer', arguments: { id: 'cust-12345' } })
  })

  test('several decisions, defaults at the top', () => {
    const mapping = {
      evaluations: {
        subject,
        context,
        evaluations: [
          { action: { name: 'read' }, resource: { type: 'storage_object', id: '$params.arguments.source' } },
          { action: { name: 'write' }, resource: { type: 'storage_object', id: '$params.arguments.destination' } },
        ],
      },
    }
    const found = asked(mapping, { arguments: { source: '/a', destination: '/b' } })
    assert.deepEqual(
      found.map(({ action, resource }) => [action.name, resource.id]),
      [
        ['read', '/a'],
        ['write', '/b'],
      ],
    )
    assert.ok(found.every((one) => one.subject.id === token.sub && one.context?.agent === token.client_id))
  })

  test('conditions, loops and comparisons', () => {
    const mapping = {
      evaluation: {
        subject: { ...subject, type: "$token.roles.exists(r, r == 'treasury') ? 'treasury_user' : 'standard_user'" },
        action: { name: "$params.arguments.currency == 'USD' ? 'domestic_transfer' : 'international_transfer'" },
        resource: {
          type: 'account',
          id: '$params.arguments.from_account',
          properties: { sensitivity: "$params.arguments.amount > 10000 ? 'high' : 'standard'" },
        },
      },
    }
    const transfer = (currency: string, amount: number) => ({ arguments: { from_account: 'a', currency, amount } })
    const [one] = asked(mapping, transfer('USD', 10_000.5))
    assert.deepEqual(
      [one?.subject.type, one?.action.name, one?.resource.properties],
      ['standard_user', 'domestic_transfer', { sensitivity: 'high' }],
    )
    const [other] = asked(mapping, transfer('EUR', 1), { ...token, roles: ['treasury'] })
    assert.deepEqual(
      [other?.subject.type, other?.action.name, other?.resource.properties],
      ['treasury_user', 'international_transfer', { sensitivity: 'standard' }],
    )
  })

  test('literals, the escape, joined text, what is absent and what is null', () => {
    const found = readMapping(
      {
        evaluation: {
          context: {
            price: '$$50',
            number: 10,
            none: null,
            list: ['a$', '$b'],
            joined: "$'urn:doc:' + params.id",
            absent: '$params.?other',
            value: '$params.?id',
            deep: { absent: '$params.?x.?y', yes: true },
            nothing: '$params.nothing',
          },
        },
      },
      read,
    ).questions({ params: { id: '7', nothing: null }, token: {} })
    assert.deepEqual(found, [
      {
        context: {
          price: '$50',
          number: 10,
          none: null,
          list: ['a$', '$b'],
          joined: 'urn:doc:7',
          value: '7',
          deep: { yes: true },
          nothing: null,
        },
      },
    ])
  })
})

/** The default mappings as the draft writes them; of `completion/complete` what it means. */
const DRAFT: Readonly<Record<string, JsonObject>> = Object.fromEntries([
  ...['tools/list', 'resources/list', 'prompts/list', 'tasks/list'].map((name) => [
    name,
    { subject, context, action: { name }, resource: { type: 'mcp_server', id: '$token.aud' } },
  ]),
  [
    'initialize',
    {
      subject,
      context: { ...context, protocol_version: '$params.protocolVersion' },
      action: { name: 'initialize' },
      resource: { type: 'mcp_server', id: '$token.aud' },
    },
  ],
  [
    'logging/setLevel',
    {
      subject,
      context: { ...context, level: '$params.level' },
      action: { name: 'logging/setLevel' },
      resource: { type: 'mcp_server', id: '$token.aud' },
    },
  ],
  ...(
    [
      ['tools/call', 'tool', 'name'],
      ['resources/read', 'resource', 'uri'],
      ['resources/subscribe', 'resource', 'uri'],
      ['resources/unsubscribe', 'resource', 'uri'],
      ['prompts/get', 'prompt', 'name'],
      ['tasks/get', 'task', 'taskId'],
      ['tasks/result', 'task', 'taskId'],
      ['tasks/cancel', 'task', 'taskId'],
    ] as const
  ).map(([name, type, member]) => [
    name,
    { subject, context, action: { name }, resource: { type, id: `$params.${member}` } },
  ]),
  [
    'completion/complete',
    {
      subject,
      context,
      action: { name: 'completion/complete' },
      resource: {
        type: "$params.ref.type == 'ref/prompt' ? 'prompt' : 'resource'",
        id: "$params.ref.type == 'ref/prompt' ? params.ref.name : params.ref.uri",
      },
    },
  ],
])

test('the default mappings are those of the draft, read with CEL; what one cannot make, the other refuses', () => {
  const messages: readonly JsonObject[] = [
    {
      name: 'n',
      uri: 'u',
      taskId: 't',
      protocolVersion: '2025-11-25',
      level: 'info',
      ref: { type: 'ref/prompt', name: 'p' },
    },
    { name: 'n', uri: 'u', taskId: 't', protocolVersion: 'x', level: 'x', ref: { type: 'ref/resource', uri: 'r' } },
    {},
    { name: 7, uri: null, taskId: ['t'], protocolVersion: '', level: '', ref: 'x' },
    { name: '', uri: {}, taskId: '', ref: { type: 'ref/prompt' } },
  ]
  const { client_id: _client, ...person } = token
  let made = 0
  for (const [method, evaluation] of Object.entries(DRAFT)) {
    for (const params of messages) {
      for (const by of [token, person as CoazToken]) {
        const theirs = (() => {
          try {
            return asked({ evaluation }, { ...params })[0]
          } catch {
            return undefined
          }
        })()
        if (theirs === undefined || typeof params.name === 'number') {
          refusedWithAny(() => evaluationOf(method, params, by), method, params)
          continue
        }
        made += 1
        assert.deepEqual(evaluationOf(method, params, by), asked({ evaluation }, params, by)[0], method)
      }
    }
  }
  assert.ok(made > 50)
})

const refusedWithAny = (act: () => unknown, method: string, params: JsonObject): void => {
  // A method without a target in the message needs nothing from it.
  if (['tools/list', 'resources/list', 'prompts/list', 'tasks/list', 'initialize', 'logging/setLevel'].includes(method))
    return
  assert.throws(act, { code: 'coaz_mapping_failed' }, `${method} ${JSON.stringify(params)}`)
}

test('pass-through is ping and notifications; a method that has no mapping is refused', () => {
  assert.ok(isPassThrough('ping') && isPassThrough('notifications/x') && !isPassThrough('tools/list'))
  for (const method of ['__proto__', 'sampling/createMessage', 'roots/list', 'tools', ''])
    refusedWith('coaz_method_unmapped', () => evaluationOf(method, {}, token))
})

describe('who the subject is, the token says', () => {
  const ask = (more: JsonObject, params: JsonObject = {}, by: CoazToken = token) =>
    asked({ evaluation: { action: { name: 'a' }, resource: { type: 't', id: 'i' }, ...more } }, params, by)

  test('a subject or an agent that is not said is supplied; the agent cannot be said', () => {
    assert.deepEqual(ask({})[0]?.subject, { type: 'identity', id: token.sub })
    assert.deepEqual(ask({ subject: { type: 'user' } })[0]?.subject, { type: 'user', id: token.sub })
    assert.deepEqual(ask({ context: { agent: '$params.who' } }, { who: 'me' })[0]?.context, { agent: token.client_id })
  })

  test('another subject is a mapping error, wherever it comes from', () => {
    for (const id of ['bob', '$params.who', '$token.iss', '$token.?nothing', '$null', 7, null, ['alice@example.com']])
      if (id !== '$token.?nothing')
        failed(
          { evaluation: { subject: { id }, action: { name: 'a' }, resource: { type: 't', id: 'i' } } },
          { who: 'bob' },
        )
    const entry = { subject: { id: '$token.sub' }, action: { name: 'a' }, resource: { type: 't', id: 'i' } }
    failed({ evaluations: { evaluations: [entry] } })
  })
})

test('what is no mapping', () => {
  const good = { action: { name: 'a' }, resource: { type: 't', id: 'i' } }
  const wrong: readonly JsonValue[] = [
    null,
    [],
    'evaluation',
    {},
    { evaluation: good, evaluations: { evaluations: [good] } },
    { search: good },
    { evaluation: [good] },
    { evaluation: { ...good, resorce: {} } },
    { evaluation: { action: { name: 'a' } } },
    { evaluation: { ...good, resource: { type: 't' } } },
    { evaluation: { ...good, resource: { type: 't', id: '$params.?id' } } },
    { evaluation: { ...good, resource: { type: 't', id: '$null' } } },
    { evaluation: { ...good, resource: { type: 't', id: '$params' } } },
    { evaluation: { ...good, context: '$params.x' } },
    { evaluation: { ...good, action: '$token' } },
    { evaluations: good },
    { evaluations: { evaluations: [] } },
    { evaluations: { evaluations: [7] } },
    { evaluations: { evaluations: Array.from({ length: 17 }, () => good) } },
    { evaluations: { evaluations: [{ ...good, evaluations: [] }] } },
    { evaluation: { ...good, context: JSON.parse('{"__proto__":1}') as JsonObject } },
    { evaluation: { ...good, context: Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`m${at}`, 1])) } },
  ]
  for (const mapping of wrong) failed(mapping)
})

test('where a server says its mapping: in the input schema, as an own member', () => {
  const mapping = { evaluation: {} }
  assert.deepEqual(declaredMapping({ name: 'x', inputSchema: { 'x-authzen-mapping': mapping } }), mapping)
  for (const definition of [{}, { inputSchema: null }, { inputSchema: {} }, { 'x-authzen-mapping': mapping }])
    assert.equal(declaredMapping(definition), undefined)
})
