/** Facts about one call that are made only where policies read them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActorFacts, CallerFacts } from '@credence/model'
import fc from 'fast-check'
import { checkPolicies, compilePolicySet, createDecider, createShadowCheck, type PolicySource } from '../index.ts'
import { AGENT, ALICE, alone, caller, FILES, ISSUER, NOW, operation, random, registry } from '../testing/facts.ts'
import { mondayOf } from './context.ts'
import { contextReads } from './reads.ts'

const source = (text: string): PolicySource => ({ files: [{ name: 'p.cedar', text }] })
const permitWhen = (condition: string): PolicySource =>
  source(`@id("it") permit (principal, action, resource) when { ${condition} };`)

/** How the decider answers, and how often it looked at the clock. */
const asked = async (condition: string, now: number, by = caller()) => {
  let looked = 0
  const set = permitWhen(condition)
  const { problems } = await checkPolicies(set)
  assert.deepEqual(problems, [])
  const clock = {
    now: () => {
      looked++
      return now
    },
  }
  const decider = createDecider({ snapshot: await compilePolicySet(set), registry, random, clock, issuer: ISSUER })
  const subject = { subject: by.subject }
  const { effect, errors } = await decider.decide(operation(subject), by)
  assert.deepEqual(errors, [])
  return { allowed: effect === 'granted', looked }
}

test('policies read the time of the decision', async () => {
  const until = 'context.now < datetime("2026-01-07T12:00:00Z")'
  assert.deepEqual(await asked(until, NOW - 1), { allowed: true, looked: 1 })
  assert.deepEqual(await asked(until, NOW), { allowed: false, looked: 1 })
  const hours = 'context.now.toTime() >= duration("9h") && context.now.toTime() < duration("17h")'
  assert.equal((await asked(hours, NOW)).allowed, true)
  assert.equal((await asked(hours, NOW + 5 * 3_600_000)).allowed, false)
  assert.equal((await asked('context.now.offset(duration("6h")).toTime() >= duration("17h")', NOW)).allowed, true)
})

test('a set that reads no time never looks at the clock', async () => {
  assert.deepEqual(await asked('context.proof == "dpop"', NOW), { allowed: true, looked: 0 })
})

test('the Monday of a week is a Monday, before and within a week of every time', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (now) => {
      const monday = mondayOf(now)
      assert.equal(new Date(monday).getUTCDay(), 1)
      assert.equal(monday % 86_400_000 === 0, true)
      assert.ok(monday <= now && now < monday + 7 * 86_400_000)
    }),
  )
})

test('what is read is found in every form, and the whole context counts as all of it', async () => {
  for (const [condition, names] of [
    ['context.now == context.now', ['now']],
    ['context["chain"].containsAny([Agent::"a"]) || context.self', ['chain', 'self']],
    ['context has grant.until', ['grant']],
    ['if context has subject then [context.depth].contains(1) else false', ['subject', 'depth']],
    ['{ x: context.client }.x == ""', ['client']],
    ['{ ".": context.proof }["."] == ""', ['proof']],
    ['"context.now" == "now"', []],
    ['principal has now', []],
    ['[context].contains(context)', 'whole'],
    ['{ inner: context }.inner has now', 'whole'],
  ] as const) {
    const { policyToJson } = await import('@cedar-policy/cedar-wasm/nodejs')
    const read = policyToJson(`permit (principal, action, resource) when { ${condition} };`)
    assert.equal(read.type, 'success', condition)
    const found = contextReads(read.type === 'success' ? read.json : undefined)
    assert.deepEqual(found === 'whole' ? found : [...found].sort(), names === 'whole' ? names : [...names].sort())
  }
})

const spiffe = { iss: ISSUER, sub: 'spiffe://elsewhere.test/agent/x' }
const GRANT = 'grt_AAAAAAAAAAAAAAAAAAAAAA' as NonNullable<CallerFacts['grant']>
const behind = caller({ actors: [...caller().actors, { party: spiffe }], grant: GRANT })

test('the chain, its strangers, the instance and the grant are what the token says, verified', async () => {
  const grant = GRANT
  const instance = 'ins_AAAAAAAAAAAAAAAAAAAAAA' as NonNullable<ActorFacts['instance']>
  const copy = caller({ actors: caller().actors.map((actor) => ({ ...actor, instance })) })
  const cases = [
    [`context.chain == [Agent::"${AGENT}"] && context.strangers == 0`, caller(), true],
    ['context.strangers == 1 && context.depth == 2', behind, true],
    [`[Agent::"${AGENT}"].containsAll(context.chain) && context.strangers == 0`, behind, false],
    [`context has instance && context.instance == "${instance}"`, copy, true],
    ['context has instance', caller(), false],
    [`context has grant && context.grant.id == "${grant}"`, behind, true],
    ['context has grant', caller(), false],
    ['context has grant && context.grant.tools.containsAll(["read_file", "weather"])', behind, true],
    ['context has grant && context.grant.until == datetime("1970-01-01T00:05:00Z")', behind, true],
    ['context has grant', alone(AGENT, [], { grant }), false],
  ] as const
  for (const [condition, by, allowed] of cases)
    assert.equal((await asked(condition, NOW, by)).allowed, allowed, condition)
})

test('only the tools at this server count as those of the grant', async () => {
  const elsewhere = {
    type: 'mcp_tools' as const,
    locations: ['https://elsewhere.test'] as [string],
    tools: ['pay'],
  } satisfies CallerFacts['authorizationDetails'][number]
  const both = caller({ ...behind, authorizationDetails: [...behind.authorizationDetails, elsewhere] })
  assert.equal((await asked('context has grant && context.grant.tools.contains("pay")', NOW, both)).allowed, false)
})

test('cedar-wasm is asked the same, time and chain included', async () => {
  const differences: unknown[] = []
  const shadow = createShadowCheck({ oneIn: 1, random, onDifference: (one) => differences.push(one) })
  const conditions = ['context.now > context.monday', `context.chain.contains(Agent::"${AGENT}")`, 'context has grant']
  const snapshot = await compilePolicySet(permitWhen(conditions.join(' && ')))
  const clock = { now: () => NOW }
  const decider = createDecider({ snapshot, registry, random, clock, issuer: ISSUER, shadow })
  for (const by of [caller(), behind]) await decider.decide(operation({ subject: ALICE, resource: FILES }), by)
  await shadow.settled()
  assert.deepEqual(differences, [])
  await shadow.close()
})

test('a forbid of a folder can close the authority at night, and nobody else opens it', async () => {
  const set = source(
    '@id("night") forbid (principal, action in Action::"authority.administer", resource) when { context.now.toTime() >= duration("22h") };',
  )
  const at = async (now: number) => {
    const clock = { now: () => now }
    const decider = createDecider({ snapshot: await compilePolicySet(set), registry, random, clock, issuer: ISSUER })
    const act = operation({ resource: 'authority', method: 'agent.add', name: 'a', subject: ALICE })
    const { tokenId: _none, ...rest } = caller({
      actors: [],
      clientId: ISSUER,
      proof: 'none',
      authorizationDetails: [],
    })
    return (await decider.decide(act, rest)).policies
  }
  assert.deepEqual(await at(NOW), ['system.owners-administer'])
  assert.deepEqual(await at(NOW + 11 * 3_600_000), ['night'])
})
