/** A domain whose compiled policies answer wrongly is heard: log, metrics, ledger. The decision stays. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { NewAlert } from '@credence/audit'
import { nodeClock } from '@credence/kit/node'
import { createLogger } from '@credence/kit/telemetry'
import type { PolicySnapshot, ShadowDifference } from '@credence/policy'
import { addAgent } from '../testing/seed.ts'
import { asOperator, callApi, getToken, openWorld, type World } from '../testing/world.ts'
import { shadowAlarm } from './shadow.ts'

const open = async (context: TestContext, shadowCheck: number) => {
  const lines: string[] = []
  const log = createLogger({ clock: nodeClock, write: (line) => void lines.push(line) })
  const world = await openWorld({ config: { shadowCheck }, log })
  context.after(() => world.close())
  return { world, said: () => lines.filter((line) => line.includes('policy_engines_disagree')) }
}

/** Its compiled program names a policy that is not there. */
const lying = (right: PolicySnapshot): PolicySnapshot => ({
  ...right,
  evaluate: (question, view) => {
    const verdict = right.evaluate(question, view)
    assert.ok(!(verdict instanceof Promise))
    return { ...verdict, reasons: [...verdict.reasons, 'made-up'] }
  },
})

const countOf = async (world: World, result: string): Promise<number> => {
  const text = await (await fetch(`${world.config.issuer}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`credence_shadow_checks{result="${result}"}`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + 20_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 20)))
    assert.ok(Date.now() < end, 'it did not happen in time')
}

interface Told {
  readonly record: { readonly kind: string; readonly code: string; readonly facts: Readonly<Record<string, string>> }
}

const alerts = async (world: World): Promise<readonly Told[]> => {
  const operator = await asOperator(world)
  const { body } = await operator.call('GET', '/v1/audit/records?kind=alert&n=10')
  return body.records as readonly Told[]
}

test('right answers raise nothing, and were asked again', async (context) => {
  const { world, said } = await open(context, 1)
  const operator = await asOperator(world)
  assert.equal((await operator.call('GET', '/v1/agents')).status, 200)
  await until(async () => (await countOf(world, 'same')) >= 2)
  assert.deepEqual([await countOf(world, 'different'), said(), await alerts(world)], [0, [], []])
})

test('a wrong answer is in log, metrics and ledger, once for all of its kind, without an argument', async (context) => {
  const { world, said } = await open(context, 1)
  const { decider } = world.authority.embedded
  decider.activate(lying(decider.snapshot))
  const operator = await asOperator(world)
  const secret = 'a-name-that-is-an-argument'
  for (const round of [1, 2])
    assert.equal((await operator.call('POST', '/v1/owners', { name: `${secret}-${round}`, kind: 'team' })).status, 201)
  await until(async () => (await countOf(world, 'different')) >= 3)
  await until(async () => (await alerts(world)).length > 0)
  const told = await alerts(world)
  const [one] = told
  const pairs = told.map(({ record: { facts } }) => `${facts.version} ${facts.ours} ${facts.theirs}`)
  assert.equal(new Set(pairs).size, pairs.length, 'each pair of answers once')
  assert.equal(one?.record.code, 'policy_engines_disagree')
  assert.match(one?.record.facts.ours ?? '', /^allow, .*made-up/)
  assert.doesNotMatch(one?.record.facts.theirs ?? '', /made-up/)
  assert.equal(said().length, told.length)
  assert.doesNotMatch(JSON.stringify([said(), await alerts(world)]), new RegExp(secret))
})

test('the decision point for others is observed too', async (context) => {
  const { world, said } = await open(context, 1)
  const { decider } = world.authority.embedded
  const agent = await addAgent(world)
  const { body } = await getToken(world.config.issuer, agent, {
    form: { resource: `${world.config.issuer}/v1`, scope: 'decide' },
  })
  decider.activate(lying(decider.snapshot))
  const answer = await callApi(world.config.issuer, agent, String(body.access_token), 'POST', '/access/v1/evaluation', {
    subject: { type: 'agent', id: agent.clientId },
    action: { name: 'agent.suspend' },
    resource: { type: 'authority', id: 'authority' },
  })
  assert.equal(answer.body.decision, false)
  await until(() => said().length > 0)
})

const differing = (more: Partial<ShadowDifference> = {}): ShadowDifference => ({
  version: 'v1',
  view: 'everything',
  principal: { type: 'Agent', id: 'agt_AAAAAAAAAAAAAAAAAAAAAA' },
  action: { type: 'Action', id: 'tools/call' },
  resource: { type: 'Tool', id: '["https://x","read_file"]' },
  ours: { allow: true, reasons: ['a'], errors: [] },
  theirs: { allow: false, reasons: ['a'], errors: [] },
  ...more,
})
const listening = () => {
  const told: (NewAlert['facts'] & object)[] = []
  const lines: unknown[] = []
  const log = { error: (event: string, fields: unknown) => void lines.push([event, fields]) } as never
  const say = shadowAlarm({ log, alert: ({ facts }) => void told.push(facts ?? {}) })
  return { told, lines, say }
}

test('what callers choose stands nowhere: ids and types that are not ours are hashes', () => {
  const { told, lines, say } = listening()
  const words = 'patient Alice Miller'
  const chosen = [
    { resource: { type: 'Doc', id: words } },
    { resource: { type: words, id: '1' } },
    { resource: { type: 'Tool', id: words } },
    { principal: { type: 'Agent', id: words } },
    { principal: { type: 'Agent', id: `agt_AAAAAAAAAAAAAAAAAAAAAA ${words}` } },
    { principal: { type: 'Person', id: words } },
    { principal: { type: '__proto__', id: words } },
    { action: { type: 'Action', id: words } },
  ]
  for (const [at, one] of chosen.entries()) say(differing({ ...one, version: `v${at}` }))
  assert.equal(told.length, chosen.length)
  assert.doesNotMatch(JSON.stringify([told, lines]), /Alice/)
  assert.match(String(told[0]?.resource), /^other::sha256:[\w-]{43}$/)
  assert.match(String(told[2]?.resource), /^Tool::sha256:/)
  assert.equal(told[0]?.principal, 'Agent::"agt_AAAAAAAAAAAAAAAAAAAAAA"')
  assert.equal(told[0]?.action, 'Action::"tools/call"')
})

test('nobody silences it by asking about a thousand things: one for each pair of answers, and anew for each version', () => {
  const { told, say } = listening()
  for (let at = 0; at < 2_000; at += 1)
    say(differing({ action: { type: 'Action', id: `made-up-${at}` }, resource: { type: 'Doc', id: String(at) } }))
  assert.equal(told.length, 1)
  say(differing({ theirs: { allow: false, reasons: ['b'], errors: [] } }))
  assert.equal(told.length, 2)
  for (let at = 0; at < 500; at += 1) say(differing({ ours: { allow: true, reasons: [`p${at}`], errors: [] } }))
  assert.equal(told.length, 100)
  say(differing({ version: 'v2' }))
  say(differing({ version: 'v1' }))
  say(differing({ version: 'v2' }))
  assert.equal(told.length, 101)
})

test('0: nothing is asked again', async (context) => {
  const { world, said } = await open(context, 0)
  const { decider } = world.authority.embedded
  decider.activate(lying(decider.snapshot))
  await asOperator(world)
  const text = await (await fetch(`${world.config.issuer}/metrics`)).text()
  assert.ok(!text.includes('credence_shadow_checks'))
  assert.deepEqual(said(), [])
})
