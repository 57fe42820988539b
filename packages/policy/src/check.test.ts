import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkPolicies,
  compilePolicySet,
  createDecider,
  type PolicySource,
  problemText,
  quickstartPolicies,
} from './index.ts'
import { caller, clock, ISSUER, operation, random, registry } from './testing/facts.ts'

const source = (text: string, schema?: string): PolicySource => ({
  files: [{ name: 'a.cedar', text }],
  ...(schema === undefined ? {} : { schema: { name: 'schema.cedarschema', text: schema } }),
})
const firstProblem = async (text: string, schema?: string): Promise<string> => {
  const { ok, problems } = await checkPolicies(source(text, schema))
  const [first] = problems.filter(({ severity }) => severity === 'error')
  assert.equal(ok, first === undefined)
  return first === undefined ? 'ok' : problemText(first)
}

test('the ready-made policies have no problem, not even a warning', async () => {
  const { ok, problems } = await checkPolicies(quickstartPolicies())
  assert.deepEqual([ok, problems], [true, []])
})

test('errors point at file, line and column, in characters', async () => {
  const rows: [string, RegExp][] = [
    [
      '// é 😀\npermit (principal, action, resource)\n  when { "é😀" == "é😀" && principal.rol == "x" };',
      /^a\.cedar:3:28: attribute `rol` on entity type `\w+` not found/,
    ],
    ['\n\n permit (principal, action resource);', /^a\.cedar:3:28: unexpected token `resource` \(expected/],
    [
      'permit (principal, action, resource);\npermit (principal, action == Action::"tools/cal", resource);',
      /^a\.cedar:2:/,
    ],
    ['permit (principal, action, resource)', /^a\.cedar:1:1: This policy does not end/],
    ['permit (principal, action, resource);\n "open', /^a\.cedar:2:2: This string is not closed/],
    ['permit (principal, action, resource) when { # };', /^a\.cedar:1:45: This character has no meaning/],
    [
      '@id("x") permit (principal, action, resource);\n@id("x") forbid (principal, action, resource);',
      /^a\.cedar:2:1: Another policy has the id "x"/,
    ],
    ['@id("system.x") permit (principal, action, resource);', /kept for system policies/],
    ['@id("") permit (principal, action, resource);', /1 to 128 visible/],
    ['permit (principal, action, resource) when { resource.server.nme == "" };', /^a\.cedar:1:/],
  ]
  for (const [text, expected] of rows) assert.match(await firstProblem(text), expected)
})

test("errors of the schema point into the folder's own file, also where it repeats what is built in", async () => {
  assert.match(
    await firstProblem('', 'entity Fine;\nentity Owner;'),
    /^schema\.cedarschema:2:8: `Owner` is declared twice/,
  )
  assert.match(await firstProblem('', 'entity Fine;\n entity {'), /^schema\.cedarschema:2:9: unexpected token/)
  assert.match(await firstProblem('', 'action "authority.administer";'), /^schema\.cedarschema:1:/)
  assert.equal(await firstProblem('', 'entity Fine;'), 'ok')
})

test('deep and long input is refused before cedar-wasm sees it', async () => {
  const deep: [string, string][] = [
    ['(', ')'],
    ['[', ']'],
    ['{a: ', '}'],
    ['!(', ')'],
    ['(context.depth == ', ')'],
    ['if true then (', ') else false'],
  ]
  for (const [open, close] of deep) {
    const text = `permit (principal, action, resource) when { ${open.repeat(3000)}1${close.repeat(3000)} };`
    assert.match(await firstProblem(text), /deep|longer chain|too long/)
  }
  for (const part of ['1 + ', 'true && ', 'true || ', '!', 'if true then true else ']) {
    const text = `permit (principal, action, resource) when { ${part.repeat(3000)} true };`
    assert.match(await firstProblem(text), /longer chain|too long/)
  }
  assert.match(
    await firstProblem(`permit (principal, action, resource) ${'when { true } '.repeat(3000)};`),
    /longer chain|too long/,
  )
  assert.match(
    await firstProblem(`permit (principal, action, resource) when { "${'x'.repeat(70_000)}" == "" };`),
    /too long/,
  )
  assert.match(await firstProblem('', `type T = ${'{ a: '.repeat(3000)}Long${' }'.repeat(3000)};`), /deep/)
})

test('input at the limits is taken, and decisions go on after it', async () => {
  const nested = `${'('.repeat(31)}true${')'.repeat(31)}`
  const chain = Array(70).fill('context.granted').join(' && ')
  const wide = `[${Array(5000).fill('1').join(', ')}].contains(context.depth)`
  for (const condition of [nested, chain, wide]) {
    const snapshot = await compilePolicySet(
      source(`permit (principal, action, resource is Tool) when { ${condition} };`),
    )
    const decider = createDecider({ snapshot, registry, random, clock, issuer: ISSUER })
    assert.equal((await decider.decide(operation(), caller())).effect, 'granted', condition.slice(0, 40))
  }
})

test('a set that is not valid has no snapshot', async () => {
  await assert.rejects(compilePolicySet(source('permit (principal, action, resource) when { nonsense };')), {
    kind: 'refused',
    code: 'policy_invalid',
    message: /a\.cedar:1:45/,
  })
})

test('the version is the content: order of files does not matter, a character does', async () => {
  const a = { name: 'a.cedar', text: 'permit (principal, action, resource is Tool);' }
  const b = { name: 'b.cedar', text: 'forbid (principal, action, resource is Server);' }
  const version = async (...files: (typeof a)[]) => (await compilePolicySet({ files })).version
  assert.equal(await version(a, b), await version(b, a))
  assert.notEqual(await version(a), await version(a, b))
  assert.notEqual(await version(a), await version({ ...a, text: `${a.text} ` }))
  assert.match(await version(a), /^[\w-]{43}$/)
})

test('what the compiler does not take runs in cedar-wasm, and the snapshot says so', async () => {
  const engine = async (condition: string) => {
    const { engine, inEngine } = await compilePolicySet(
      source(`@id("p") permit (principal, action, resource) when { ${condition} };`),
    )
    return [engine, ...inEngine]
  }
  for (const condition of [
    'context.granted',
    '9007199254740993 == 9007199254740992',
    'ip("127.0.0.1").isLoopback()',
    'datetime("2026-11-22").offset(duration("1d")) > datetime("2026-11-22")',
  ])
    assert.deepEqual(await engine(condition), ['compiled'])
  assert.deepEqual(await engine('unknown("x") == 1'), ['mixed', { policy: 'p', reason: 'it uses `unknown`' }])
})

test('a forbid that is skipped where it is reached is warned of', async () => {
  const { ok, problems } = await checkPolicies(
    source('@id("p") forbid (principal, action, resource is Tool) when { unknown("x") };'),
  )
  assert.deepEqual(
    [ok, problems.map(({ code, severity, line }) => [code, severity, line])],
    [true, [['engine', 'warning', 1]]],
  )
})

test('a forbid whose scope reaches the administration is warned of, since it locks out who could take it back', async () => {
  const warned = async (text: string) =>
    (await checkPolicies(source(`@id("p") ${text};`))).problems.map(({ code, severity }) => `${severity} ${code}`)
  for (const scope of ['principal, action, resource', 'principal is Agent, action, resource'])
    assert.deepEqual(await warned(`forbid (${scope}) when { context.self }`), ['warning reach'], scope)
  for (const scope of [
    'principal, action == Action::"tools/call", resource',
    'principal, action, resource is Tool',
    'principal, action, resource in Server::"https://s.example"',
    'principal == Agent::"agt_a", action, resource',
    'principal is Agent in Owner::"own_a", action, resource',
    'principal is Client, action, resource',
  ])
    assert.deepEqual(await warned(`forbid (${scope})`), [], scope)
  assert.deepEqual(await warned('permit (principal, action, resource)'), [], 'no permit counts there')
})
