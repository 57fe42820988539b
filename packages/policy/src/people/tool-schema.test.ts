import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@credence/kit/json'
import { checkPolicies, compilePolicySet } from '../index.ts'
import { argumentTypes } from './tool-schema.ts'

const tool = (name: string, properties: JsonValue) => ({ name, inputSchema: { type: 'object', properties } })
const files = [{ name: 'a.cedar', text: '// nothing' }]

const readBy = async (schema: string) =>
  (await compilePolicySet({ files, schema: { name: 'schema.cedarschema', text: schema } })).readArguments

test('what has one type is typed, and policies can read it', async () => {
  const { schema, typed, untyped } = argumentTypes([
    tool('pay', {
      amount: { type: 'integer' },
      to: { type: 'string', description: 'x' },
      urgent: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'string' } },
      address: { type: 'object', properties: { 'zip code': { type: 'string' }, floor: { type: 'integer' } } },
      currency: { enum: ['EUR', 'USD'] },
    }),
  ])
  assert.deepEqual([typed, untyped], [['address', 'amount', 'currency', 'tags', 'to', 'urgent'], []])
  assert.match(schema, /"zip code"\?: String/)
  const read = await readBy(schema)
  const given = { amount: 5, to: 'x', urgent: true, tags: ['a'], address: { floor: 2 }, currency: 'EUR' }
  const { arguments: found, omitted } = read(given)
  assert.deepEqual([omitted, found?.get('amount'), found?.has('address')], [false, 5, true])
})

test('what has none is listed with the reason, and does not make the rest unreadable', async () => {
  const { schema, typed, untyped } = argumentTypes([
    tool('pay', {
      price: { type: 'number' },
      either: { type: ['string', 'null'] },
      any: {},
      union: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      list: { type: 'array' },
      free: { type: 'object' },
      mixed: { enum: ['a', 1] },
      none: { type: 'string', nullable: true },
      deep: { type: 'object', properties: { ok: { type: 'string' }, price: { type: 'number' } } },
      to: { type: 'string' },
    }),
  ])
  assert.deepEqual(typed, ['deep', 'to'])
  assert.deepEqual(
    untyped.map(({ argument }) => argument),
    ['price', 'either', 'any', 'union', 'list', 'free', 'mixed', 'none', 'deep.price'],
  )
  const read = await readBy(schema)
  const { arguments: found } = read({ price: 1.5, either: null, any: [], to: 'x', deep: { ok: 'y', price: 0.5 } })
  assert.equal(found?.get('to'), 'x')
})

test('two tools that mean different things by one name leave it untyped', () => {
  const { typed, untyped } = argumentTypes([
    tool('a', { same: { type: 'string' }, id: { type: 'string' }, half: { type: 'string' } }),
    tool('b', { same: { type: 'string' }, id: { type: 'integer' }, half: { type: ['string', 'null'] } }),
  ])
  assert.deepEqual(typed, ['same'])
  assert.deepEqual(
    untyped.filter(({ argument }) => argument === 'id').map(({ tool: name, why }) => [name, why]),
    [
      ['a', 'tools give it different types'],
      ['b', 'tools give it different types'],
    ],
  )
  assert.ok(untyped.some(({ tool: name, argument }) => name === 'a' && argument === 'half'))
})

test('the schema is valid whatever a server calls its tools and arguments', async () => {
  const names = [
    '__proto__',
    'constructor',
    'type',
    'in',
    'Set',
    'é x',
    '',
    'a\nb',
    'q"uote',
    'back\\slash',
    'x}; entity Y',
  ]
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]))
  const nested = { type: 'object', properties }
  const { schema, typed } = argumentTypes([
    tool('evil\n}; entity Evil;', { ...properties, nested }),
    { name: 'nothing' },
    { name: 'odd', inputSchema: 7 },
  ])
  const source = { files, schema: { name: 'schema.cedarschema', text: schema } }
  assert.deepEqual((await checkPolicies(source)).problems, [], schema)
  assert.doesNotMatch(schema.replaceAll('\n', ''), /\p{C}/u, 'it can be printed')
  assert.ok(typed.includes('__proto__') && typed.includes('é x') && !typed.includes('a\nb'))
})
