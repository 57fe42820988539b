import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quickstartPolicies } from '../index.ts'
import type { PolicySource } from '../source.ts'
import { differenceInWords } from './difference.ts'

const set = (text: string, more: Partial<PolicySource> = {}): PolicySource => ({
  files: [{ name: 'a.cedar', text }],
  ...more,
})
const words = async (before: string, after: string) =>
  (await differenceInWords(set(before), set(after))).map(({ sentence, allows }) => [sentence, allows])

test('what is added and removed is said whole', async () => {
  const text =
    '@id("x") permit (principal in Owner::"o", action == Action::"tools/call", resource is Tool) when { context.granted && context.self } unless { resource.publicData };'
  const whole =
    'anybody in Owner::"o" tools/call on any Tool when `context.granted` and `context.self` unless `resource.publicData`'
  assert.deepEqual(await words('', text), [[`Adds \`x\`: it permits ${whole}.`, 'more']])
  assert.deepEqual(await words(text, ''), [[`Removes \`x\`: it permitted ${whole}.`, 'less']])
  const forbid = text.replace('permit', 'forbid')
  assert.deepEqual((await words('', forbid))[0]?.[1], 'less')
  assert.deepEqual((await words(forbid, ''))[0]?.[1], 'more')
})

test('of what changes the parts are named, and whether more is allowed', async () => {
  const policy = (effect: string, when: string, who = 'principal'): string =>
    `@id("x") ${effect} (${who}, action, resource is Tool) when { ${when} };`
  const before = policy('permit', 'context.granted && context.self')
  assert.deepEqual(await words(before, policy('permit', 'context.granted')), [
    ['`x` no longer asks for `context.self`. It applies to more than before.', 'more'],
  ])
  assert.deepEqual(
    await words(policy('forbid', 'context.granted'), policy('forbid', 'context.granted && context.self')),
    [['`x` now asks for `context.self`. It applies to less than before.', 'more']],
  )
  assert.deepEqual(await words(before, policy('permit', 'context.depth < 2', 'principal is Agent')), [
    [
      '`x` is about any Agent now, not anybody; no longer asks for `context.granted`; no longer asks for `context.self`; now asks for `context.depth < 2`.',
      'other',
    ],
  ])
  assert.deepEqual(await words(before, before.replace('permit', 'forbid')), [
    ['`x` forbids now, where it permitted before.', 'other'],
  ])
})

test('layout is no change, order and annotations are said to mean the same', async () => {
  const before = '@id("x") permit (principal, action, resource) when { context.a && context.b };'
  assert.deepEqual(await words(before, `// why\n${before.replaceAll(' ', '\n')}`), [])
  assert.deepEqual(await words(before, before.replace('context.a && context.b', 'context.b && context.a')), [
    ['`x` is written otherwise and means the same.', 'other'],
  ])
  assert.deepEqual(await words(before, before.replace('permit', '@note("n") permit')), [
    ['`x` is annotated otherwise and means the same.', 'other'],
  ])
})

test('what a policy demands is no mere annotation', async () => {
  const plain = '@id("x") permit (principal, action, resource);'
  const asks = plain.replace('permit', '@ask("person") permit')
  const tells = plain.replace('permit', '@obligation("custom a=b") permit')
  assert.deepEqual(await words(plain, asks), [['`x` now asks a person first.', 'less']])
  assert.deepEqual(await words(asks, plain), [['`x` no longer asks a person first.', 'more']])
  assert.deepEqual(await words(asks, tells), [
    ['`x` no longer asks a person first; now demands `custom a=b`.', 'other'],
  ])
  assert.deepEqual(await words('', asks), [
    ['Adds `x`: it permits anybody to do everything on anything, and asks a person first.', 'other'],
  ])
  assert.equal((await words(plain, asks.replace('resource)', 'resource) when { context.self }')))[0]?.[1], 'other')
  const forbid = plain.replace('permit', 'forbid')
  assert.deepEqual(await words(forbid, forbid.replace('forbid', '@obligation("custom a=b") forbid')), [
    ['`x` now demands `custom a=b`.', 'other'],
  ])
})

test('links and the schema are said too', async () => {
  const template = '@id("t") permit (principal == ?principal, action, resource);'
  const link = (id: string): PolicySource =>
    set(template, {
      links: { name: 'links.json', text: `[{"id":"l","template":"t","principal":{"type":"Agent","id":"${id}"}}]` },
    })
  const sentences = async (a: PolicySource, b: PolicySource) =>
    (await differenceInWords(a, b)).map(({ sentence }) => sentence)
  assert.deepEqual(await sentences(set(template), link('a')), ['Links `l`: `t` with ?principal as Agent::"a".'])
  assert.deepEqual(await sentences(link('a'), link('b')), [
    'Link `l` is `t` with ?principal as Agent::"b" now, not `t` with ?principal as Agent::"a".',
  ])
  assert.deepEqual(await sentences(link('a'), set(template)), ['Unlinks `l`: `t` with ?principal as Agent::"a".'])
  const typed = set('', { schema: { name: 'schema.cedarschema', text: 'type Arguments = { a?: Long };' } })
  assert.deepEqual(await sentences(set(''), typed), ['The schema is another.'])
})

test('the ready-made policies can be said', async () => {
  const changes = await differenceInWords(undefined, quickstartPolicies())
  assert.equal(changes.length, 5)
  assert.ok(changes.every(({ kind, sentence }) => kind === 'added' && !sentence.includes('undefined')))
})
