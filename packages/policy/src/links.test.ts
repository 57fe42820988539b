import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  checkPolicies,
  compilePolicySet,
  createDecider,
  decodePolicySource,
  diffPolicySets,
  encodePolicySource,
  loadPolicyFolder,
  type PolicySource,
} from './index.ts'
import { AGENT, caller, clock, FILES, ISSUER, operation, random, registry } from './testing/facts.ts'

const TEMPLATE =
  '@id("may-call") permit (principal == ?principal, action == Action::"tools/call", resource in ?resource) when { context.granted };'
const agent = { type: 'Agent', id: AGENT }
const server = { type: 'Server', id: FILES }
const link = (more: object = {}) => ({
  id: 'reader',
  template: 'may-call',
  principal: agent,
  resource: server,
  ...more,
})
const source = (links: unknown, text = TEMPLATE): PolicySource => ({
  files: [{ name: 'a.cedar', text }],
  links: { name: 'links.json', text: typeof links === 'string' ? links : JSON.stringify(links) },
})
const decide = async (from: PolicySource) =>
  createDecider({ snapshot: await compilePolicySet(from), registry, random, clock, issuer: ISSUER }).decide(
    operation(),
    caller(),
  )

test('a template permits nobody until it is linked, and then whom the link names', async () => {
  assert.equal((await decide({ files: [{ name: 'a.cedar', text: TEMPLATE }] })).effect, 'refused')
  const decision = await decide(source([link()]))
  assert.deepEqual([decision.effect, decision.policies], ['granted', ['reader']])
  const other = await decide(source([link({ principal: { type: 'Agent', id: 'agt_otherAAAAAAAAAAAAAAAAA' } })]))
  assert.equal(other.effect, 'refused')
})

test('a template that nobody linked is said to be without effect, and the set is taken', async () => {
  const warned = await checkPolicies({ files: [{ name: 'a.cedar', text: TEMPLATE }] })
  assert.deepEqual(
    [warned.ok, warned.problems.map(({ code, severity }) => [code, severity])],
    [true, [['template', 'warning']]],
  )
  assert.deepEqual((await checkPolicies(source([link()]))).problems, [])
})

test('what is wrong with a link is said, and the set is not taken', async () => {
  const rows: [unknown, RegExp][] = [
    ['{', /cannot be read/],
    [{}, /not a list/],
    [[link({ extra: 1 })], /not the form/],
    [[link({ principal: { type: 'Agent' } })], /not the form/],
    [[link({ template: 'none' })], /no template "none"/],
    [[link(), link()], /has the id "reader" already/],
    [[link({ id: 'may-call' })], /has the id "may-call" already/],
    [[link({ id: 'system.mine' })], /kept for system policies/],
    [[link({ resource: undefined })], /does not say who or what \?resource is/],
    [[link({ principal: { type: 'Agnt', id: 'x' } })], /unrecognized entity type `Agnt`/],
  ]
  for (const [links, expected] of rows) {
    const { ok, problems } = await checkPolicies(source(links))
    assert.equal(ok, false, JSON.stringify(links))
    assert.match(problems.map(({ message }) => message).join('\n'), expected)
    await assert.rejects(compilePolicySet(source(links)), { code: 'policy_invalid' })
  }
  const half = '@id("may-call") permit (principal == ?principal, action, resource is Tool);'
  const { problems } = await checkPolicies(source([link()], half))
  assert.match(problems[0]?.message ?? '', /its template has no \?resource/)
})

test('links are part of folder, body and version, and a body without links is as before', async (t) => {
  const with2 = source([link()])
  const body = encodePolicySource(with2)
  assert.deepEqual(decodePolicySource(body), with2)
  assert.throws(() => decodePolicySource(body.replace('policy-2', 'policy-1')), { code: 'policy_body_invalid' })
  assert.match(encodePolicySource({ files: with2.files }), /^\["credence-policy-1"/)
  const { version } = await compilePolicySet(with2)
  assert.notEqual(version, (await compilePolicySet(source([link({ id: 'other' })]))).version)
  const dir = mkdtempSync(join(tmpdir(), 'credence-links-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'a.cedar'), TEMPLATE)
  writeFileSync(join(dir, 'links.json'), with2.links?.text ?? '')
  assert.deepEqual(await loadPolicyFolder(dir), with2)
  const { sentences } = diffPolicySets(with2, source([link({ id: 'other' }), link({ id: 'reader', resource: agent })]))
  assert.deepEqual(sentences, ['Adds link `other`.', 'Changes link `reader`.'])
})
