import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { quickstartPolicies } from '../builtin.ts'
import { compilePolicySet } from '../compile-set.ts'
import { loadExpectations, readExpectations, runExpectation } from './expectations.ts'

const shipped = (folder: string): string => fileURLToPath(new URL(`../../policies/${folder}`, import.meta.url))

const runFolder = async (path: string) => {
  const { source, expectations } = await loadExpectations(path)
  const snapshot = await compilePolicySet(source)
  return Promise.all(expectations.map((one) => runExpectation(snapshot, one)))
}

test('the policies of a new domain do what their expectations say', async () => {
  const results = await runFolder(shipped('quickstart'))
  assert.deepEqual(
    results.filter(({ passed }) => !passed),
    [],
  )
  assert.ok(results.some(({ decided }) => decided === 'allow') && results.some(({ decided }) => decided === 'deny'))
})

test('the example of the documentation is right', async () => {
  const page = readFileSync(new URL('../../../../docs/policy-tools.md', import.meta.url), 'utf8')
  const example = /^```json\n(.*?)^```$/ms.exec(page)?.[1] ?? ''
  const snapshot = await compilePolicySet(quickstartPolicies())
  const results = await Promise.all(readExpectations('page', example).map((one) => runExpectation(snapshot, one)))
  assert.deepEqual(
    results.map(({ passed, decided }) => [passed, decided]),
    [
      [true, 'allow'],
      [true, 'deny'],
    ],
  )
})

const FACTS = `"facts": { "agent": "agt_a", "person": "usr_p", "grant": ["pay"], "server": "https://s.example" }`
const one = (test: string): string => `{\n  ${FACTS},\n  "tests": [\n    ${test}\n  ]\n}`
const POLICY = `@id("small") permit (principal, action, resource is Tool)
when { context has arguments && context.arguments has amount && context.arguments.amount * 4000000000000000 < 9000000000000000000 };`
const SCHEMA = 'type Arguments = { amount?: Long };'

const folderWith = (tests: string) => {
  const dir = mkdtempSync(join(tmpdir(), 'credence-policy-'))
  writeFileSync(join(dir, 'a.cedar'), POLICY)
  writeFileSync(join(dir, 'schema.cedarschema'), SCHEMA)
  writeFileSync(join(dir, 'a.test.json'), tests)
  return { dir, close: () => rmSync(dir, { recursive: true }) }
}

const resultOf = async (text: string) => {
  const { dir, close } = folderWith(one(text))
  try {
    return (await runFolder(dir))[0]
  } finally {
    close()
  }
}

test('a wrong expectation fails, with what was decided and where it stands', async () => {
  const wrong = await resultOf(
    '{ "name": "x", "facts": { "tool": "pay", "arguments": { "amount": 5 } }, "expect": "deny" }',
  )
  assert.equal(wrong?.passed, false)
  assert.deepEqual([wrong?.line, wrong?.column], [4, 5])
  assert.match(wrong?.reason ?? '', /expected deny, decided allow: Policy `small` permits/)
  const by = await resultOf(
    '{ "name": "x", "facts": { "tool": "pay", "arguments": { "amount": 5 } }, "expect": "allow", "by": ["large"] }',
  )
  assert.match(by?.reason ?? '', /expected large to decide, small did/)
})

test('a policy that fails must be expected to fail', async () => {
  const facts = '"facts": { "tool": "pay", "arguments": { "amount": 9000 } }'
  const silent = await resultOf(`{ "name": "x", ${facts}, "expect": "deny" }`)
  assert.match(silent?.reason ?? '', /expected no policy to fail, small did: small: .*overflow/)
  const said = await resultOf(`{ "name": "x", ${facts}, "expect": "deny", "errors": ["small"] }`)
  assert.equal(said?.passed, true)
})

test('what is not understood is refused with its place, never passed over', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{ "name": "x", "facts": { "toll": "pay" }, "expect": "deny" }', /f:4:39: "toll" is not known here/],
    ['{ "name": "x", "facts": { "tool": "pay" }, "expect": "maybe" }', /f:4:58: One of allow, deny/],
    ['{ "name": "x", "facts": {}, "expect": "deny" }', /"tool" or "method" is missing/],
    ['{ "facts": { "tool": "pay" }, "expect": "deny" }', /A text is needed/],
    [
      '{ "name": "x", "facts": { "tool": { "name": "pay", "effect": "eat" } }, "expect": "deny" }',
      /One of read, write/,
    ],
    ['{ "name": "x", "facts": { "tool": "pay", "person": null }, "expect": "deny" }', /"person" is missing/],
    ['{ "name": "x", "facts": { "tool": "pay", "method": "tools/list" }, "expect": "deny" }', /goes with tools\/call/],
    ['{ "name": "x", "name": "y", "facts": { "tool": "pay" }, "expect": "deny" }', /f: /],
    ['7', /An object is needed/],
  ]
  for (const [text, message] of cases) assert.throws(() => readExpectations('f', one(text)), { message })
  assert.throws(() => readExpectations('f', '{"tests":[]}'), { message: /f:1:10: "tests" is a list of at least one/ })
})

test('a folder without expectations says so', async () => {
  const { dir, close } = folderWith('{}')
  rmSync(join(dir, 'a.test.json'))
  await assert.rejects(loadExpectations(dir), { code: 'policy_tests_missing' })
  close()
})

test('time, end of the grant and instance are facts; without a time it is the same Wednesday every day', async () => {
  const set = {
    files: [
      {
        name: 'p.cedar',
        text: `@id("hours") permit (principal, action, resource) when {
          context.now.toTime() < duration("17h") && context has grant && context.now < context.grant.until };
        @id("copy") permit (principal, action, resource) when { context has instance && context.instance == "ins_1" };`,
      },
    ],
  }
  const snapshot = await compilePolicySet(set)
  const of = async (facts: string): Promise<readonly string[]> => {
    const common = '"agent": "agt_a", "person": "usr_a", "grant": ["t"], "server": "https://s.example", "tool": "t"'
    const text = `{ "tests": [{ "name": "n", "expect": "allow", "facts": { ${common}${facts} } }] }`
    const results = readExpectations('f.test.json', text).map((one) => runExpectation(snapshot, one))
    return (await Promise.all(results)).map(({ passed, reason }) => `${passed} ${reason}`)
  }
  assert.match(String(await of('')), /^true .*hours/)
  assert.match(String(await of(', "now": "2026-01-07T18:00:00+0200"')), /^true .*hours/)
  assert.match(String(await of(', "now": "2026-01-07T18:00:00Z"')), /^false/)
  assert.match(String(await of(', "until": "2026-01-07T11:59:59Z"')), /^false/)
  assert.match(String(await of(', "until": "2026-01-07T11:59:59Z", "instance": "ins_1"')), /^true .*copy/)
  for (const now of ['"noon"', '1', '"2026-13-01"', 'true'])
    await assert.rejects(async () => of(`, "now": ${now}`), /f\.test\.json:1:\d+: A time is needed/)
})

test('what is demanded can be expected, and a person to be asked', async () => {
  const call = 'permit (principal, action == Action::"tools/call", resource)'
  const text = `@id("a") @obligation("notification to=x body=y; custom a=b") ${call};
    @id("b") @ask("person") ${call} when { resource.name == "pay" };`
  const snapshot = await compilePolicySet({ files: [{ name: 'p.cedar', text }] })
  const run = async (tool: string, expectation: string): Promise<string> => {
    const facts = `"agent": "agt_a", "person": "usr_a", "grant": ["t", "pay"], "server": "https://s.example", "tool": "${tool}"`
    const [one] = readExpectations('f', `{ "tests": [{ "name": "n", "facts": { ${facts} }, ${expectation} }] }`)
    assert.ok(one !== undefined)
    const { passed, reason } = await runExpectation(snapshot, one)
    return passed ? 'passed' : reason
  }
  assert.equal(await run('t', '"expect": "allow", "demands": ["custom", "notification"]'), 'passed')
  assert.match(
    await run('t', '"expect": "allow", "demands": ["custom"]'),
    /expected custom to be demanded, notification, custom was/,
  )
  assert.match(await run('t', '"expect": "allow", "demands": []'), /expected nothing to be demanded/)
  assert.equal(await run('pay', '"expect": "ask", "by": ["b"]'), 'passed')
  assert.match(await run('pay', '"expect": "allow"'), /expected allow, decided ask/)
  assert.match(await run('t', '"expect": "ask"'), /expected ask, decided allow/)
})
