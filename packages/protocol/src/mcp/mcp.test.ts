import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCredenceError } from '@credence/kit'
import type { JsonValue } from '@credence/kit/json'
import fc from 'fast-check'
import { refusedWith } from '../testing/refused.ts'
import { errorResponseOf, type McpRequest, methodTarget, parseMessage, requireMethod, revisionOf } from './index.ts'
import * as elder from './rev-2025-11-25/index.ts'
import * as modern from './rev-2026-07-28/index.ts'

const parse = (value: unknown) => parseMessage(JSON.stringify(value))

test('requests, notifications and responses are told apart, unknown members kept', () => {
  assert.equal(parse({ jsonrpc: '2.0', id: 1, method: 'ping' }).kind, 'request')
  assert.equal(parse({ jsonrpc: '2.0', method: 'notifications/initialized' }).kind, 'notification')
  assert.equal(parse({ jsonrpc: '2.0', id: 'a', result: {} }).kind, 'response')
  assert.equal(parse({ jsonrpc: '2.0', error: { code: -1, message: 'm' } }).kind, 'response')
  assert.equal(parse({ jsonrpc: '2.0', id: 1, method: 'ping', extra: 1 }).raw.extra, 1)
})

test('threats 85 to 87: what two readers could read differently is refused', () => {
  const bad: [string, string][] = [
    ['mcp_batch_refused', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'],
    ['mcp_message_malformed', '"ping"'],
    ['mcp_message_malformed', '{"id":1,"method":"ping"}'],
    ['mcp_message_malformed', '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1,"method":7}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1,"method":"a b"}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1}'],
    ['mcp_message_malformed', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"ping","ID":2}'],
    // Readers that fold case (Go's encoding/json among them) fold the long s and the Kelvin sign too.
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"paramſ":{"name":"b"}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Arguments":{"x":1}}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","argumentſ":{}}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","tasK":{}}}'],
    ['mcp_member_case', '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a","URI":"b"}}'],
    [
      'mcp_member_case',
      '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","NAME":"b"}}}',
    ],
    ['mcp_id_refused', '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['mcp_id_refused', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}'],
    ['mcp_id_refused', '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
  ]
  for (const [code, text] of bad) refusedWith(code, () => parseMessage(text))
  for (const text of [
    '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"tools/call"}',
    '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":"ping"} {}',
    '{"jsonrpc":"2.0"',
    '',
    `{"a":${'['.repeat(10_000)}`,
  ]) {
    assert.throws(
      () => parseMessage(text),
      (error: unknown) => isCredenceError(error) && ['-32700', '-32600'].includes(String(error.standard)),
    )
  }
})

const meta = modern.createRequestMeta({ clientInfo: { name: 'c', version: '1' } })
const call = (change: object = {}): McpRequest => {
  const message = parse({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'read', arguments: { region: 'us', n: 42, on: true }, _meta: meta },
    ...change,
  })
  assert.equal(message.kind, 'request')
  return message as McpRequest
}
const good = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read' }

test('2026-07-28: headers and body say the same (threats 81, 82, 84)', () => {
  modern.checkRequestHeaders(call(), good)
  for (const change of [
    { 'mcp-method': 'tools/list' },
    { 'mcp-method': 'Tools/Call' },
    { 'mcp-method': undefined },
    { 'mcp-method': ['tools/call', 'tools/call'] },
    { 'mcp-name': 'write' },
    { 'mcp-name': undefined },
    { 'mcp-name': 'READ' },
    { 'mcp-name': modern.encodeHeaderValue(' write') },
    { 'mcp-name': '=?BASE64?cmVhZA==?=' },
    { 'mcp-name': '=?base64?cmVhZA?=' },
    { 'mcp-name': '=?base64?!!!?=' },
    { 'mcp-name': ['read', 'read'] },
    { 'mcp-protocol-version': '2025-11-25' },
    { 'mcp-protocol-version': undefined },
  ]) {
    refusedWith('mcp_header_mismatch', () => modern.checkRequestHeaders(call(), { ...good, ...change }))
  }
  modern.checkRequestHeaders(call(), { ...good, 'mcp-name': '=?base64?cmVhZA==?=' })
  const list = call({ method: 'tools/list', params: { _meta: meta } })
  refusedWith('mcp_header_mismatch', () => modern.checkRequestHeaders(list, { ...good, 'mcp-method': 'tools/list' }))
  refusedWith('mcp_meta_missing', () => modern.checkRequestHeaders(call({ params: { name: 'read' } }), good))
})

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    n: { type: 'integer', 'x-mcp-header': 'N' },
    deep: { type: 'object', properties: { on: { type: 'boolean', 'x-mcp-header': 'On' } } },
    'x-mcp-header': { type: 'string' },
  },
}

test('2026-07-28: mirrored parameters (threat 83)', () => {
  const params = modern.paramHeaders(schema)
  assert.ok(params)
  const headers = { ...good, 'mcp-param-region': 'us', 'mcp-param-n': '42' }
  const check = (change: object) => modern.checkRequestHeaders(call(), { ...headers, ...change }, params)
  check({})
  check({ 'mcp-param-n': '42.0' })
  check({ 'mcp-param-unknown': 'x' })
  for (const change of [
    { 'mcp-param-region': 'eu' },
    { 'mcp-param-region': undefined },
    { 'mcp-param-region': ['us', 'us'] },
    { 'mcp-param-n': '43' },
    { 'mcp-param-n': '0x2a' },
    { 'mcp-param-on': 'true' },
  ]) {
    refusedWith('mcp_header_mismatch', () => check(change))
  }
  const withNull = call({ params: { name: 'read', arguments: { region: null }, _meta: meta } })
  refusedWith('mcp_header_mismatch', () =>
    modern.checkRequestHeaders(withNull, { ...good, 'mcp-param-region': 'x' }, params),
  )
  modern.checkRequestHeaders(withNull, good, params)
  assert.deepEqual(modern.requestHeaders('tools/call', call().params, params), headers)
})

test('2026-07-28: a tool whose annotations break a rule is left out', () => {
  const annotated = (name: JsonValue, type = 'string'): JsonValue => ({
    properties: { a: { type, 'x-mcp-header': name } },
  })
  const refusedSchemas: readonly JsonValue[] = [
    annotated(''),
    annotated('a b'),
    annotated('a\r\nb'),
    annotated(7),
    annotated('a', 'number'),
    annotated('a', 'object'),
    { 'x-mcp-header': 'a', type: 'string' },
    { properties: { a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'a' } } } },
    { anyOf: [annotated('a')] },
    { properties: { a: { type: 'string', 'x-mcp-header': 'X' }, b: { type: 'string', 'x-mcp-header': 'x' } } },
  ]
  for (const bad of refusedSchemas) {
    assert.equal(modern.paramHeaders(bad), undefined, JSON.stringify(bad))
  }
  assert.deepEqual(modern.paramHeaders({ type: 'object' }), [])
})

test('2026-07-28: header values, the examples of the specification', () => {
  const examples: [string, string][] = [
    ['us-west1', 'us-west1'],
    ['Hello, \u4e16\u754c', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ]
  for (const [value, encoded] of examples) {
    assert.equal(modern.encodeHeaderValue(value), encoded)
    assert.equal(modern.decodeHeaderValue(encoded), value)
  }
  const wellFormed = fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed())
  fc.assert(fc.property(wellFormed, (text) => modern.decodeHeaderValue(modern.encodeHeaderValue(text)) === text))
})

test('a filtered list is private and lives no longer than it did', () => {
  const result = modern.privateResult({ tools: [], ttlMs: 300_000, cacheScope: 'public' }, 5000)
  assert.deepEqual(result, { tools: [], ttlMs: 5000, cacheScope: 'private', resultType: 'complete' })
  assert.equal(modern.privateResult({ ttlMs: -5 }, 5000).ttlMs, 0)
})

test('methods: what each names; unknown ones are refused with 404', () => {
  const tool = requireMethod(modern.METHODS, 'tools/call', 1)
  assert.equal(methodTarget(tool, { name: 'read' }), 'read')
  for (const name of [undefined, '', 7, null, {}]) {
    refusedWith('mcp_name_missing', () => methodTarget(tool, name === undefined ? {} : { name }))
  }
  for (const method of ['tools/Call', 'initialize', '__proto__', 'constructor', 'x']) {
    refusedWith('mcp_method_unknown', () => requireMethod(modern.METHODS, method, 1))
  }
  assert.ok(requireMethod(elder.METHODS, 'initialize', 1))
  const complete = requireMethod(modern.METHODS, 'completion/complete', 1)
  assert.equal(methodTarget(complete, { ref: { type: 'ref/resource', uri: 'u', name: 'n' } }), 'u')
})

test('the era of a message cannot be played down', () => {
  const legacy = parse({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  assert.equal(revisionOf(legacy, {}), '2025-11-25')
  assert.equal(revisionOf(legacy, { 'mcp-protocol-version': '2025-06-18' }), '2025-11-25')
  assert.equal(revisionOf(legacy, { 'mcp-protocol-version': '2026-07-28' }), '2026-07-28')
  assert.equal(revisionOf(call(), { 'mcp-protocol-version': '2025-11-25' }), '2026-07-28')
  assert.equal(revisionOf(call(), {}), '2026-07-28')
  refusedWith('mcp_version_unsupported', () => revisionOf(legacy, { 'mcp-protocol-version': '1900-01-01' }))
})

test('errors carry the id and the code of the standard', () => {
  try {
    modern.checkRequestHeaders(call(), {})
    assert.fail('not refused')
  } catch (error) {
    assert.ok(isCredenceError(error))
    const body = errorResponseOf(error)
    assert.equal(body.id, 7)
    assert.equal(body.error.code, -32020)
    assert.equal(error.status, 400)
  }
})

test('2025-11-25: session ids and versions', () => {
  assert.equal(elder.sessionIdOf({}), undefined)
  assert.equal(elder.sessionIdOf({ 'mcp-session-id': 'abc' }), 'abc')
  for (const id of ['a b', 'a\n', '', '\u00e9', ['a', 'b']]) {
    refusedWith('mcp_session_malformed', () => elder.sessionIdOf({ 'mcp-session-id': id }))
  }
  assert.equal(elder.headerVersion({}), '2025-03-26')
  refusedWith('mcp_version_unsupported', () => elder.headerVersion({ 'mcp-protocol-version': '2099-01-01' }))
  assert.equal(elder.negotiateVersion('2025-06-18'), '2025-06-18')
  assert.equal(elder.negotiateVersion('2099-01-01'), '2025-11-25')
})
