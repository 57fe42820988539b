/** `context.untrusted` is what our own marks say, and nothing that anybody else says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '@credence/kit/json'
import type { CallerFacts, GrantId } from '@credence/model'
import fc from 'fast-check'
import { compilePolicySet, createDecider, evaluateAuthZen } from './index.ts'
import { AGENT, ALICE, alone, caller, clock, FILES, ISSUER, operation, random, registry } from './testing/facts.ts'

const snapshotOf = (text: string) => compilePolicySet({ files: [{ name: 'a.cedar', text }] })
const open = '@id("open") permit (principal, action, resource);'
const never = await snapshotOf(`${open} @id("never") forbid (principal, action, resource) when { context.untrusted };`)
const whole = await snapshotOf(
  `${open} @id("never") forbid (principal, action, resource) when { context == context && context.untrusted };`,
)
const blind = await snapshotOf(open)

const ONE = `grt_${'1'.repeat(22)}` as GrantId
const TWO = `grt_${'2'.repeat(22)}` as GrantId

const asked: [CallerFacts, boolean][] = []
const decider = (snapshot: typeof never, marks: ReadonlySet<string>) =>
  createDecider({
    snapshot,
    registry,
    random,
    clock,
    issuer: ISSUER,
    untrusted: (by, matters) => {
      asked.push([by, matters])
      return marks.has(by.grant ?? by.clientId)
    },
  })

test('what a mark forbids is forbidden in its task alone, for grants and for agents that act for themselves', async () => {
  for (const snapshot of [never, whole]) {
    const { decide } = decider(snapshot, new Set([ONE, AGENT]))
    const self = alone(AGENT, [])
    const rows = [
      [await decide(operation(), caller({ grant: ONE })), 'refused', true],
      [await decide(operation(), caller({ grant: TWO })), 'granted', undefined],
      [await decide(operation({ subject: self.subject }), self), 'refused', true],
    ] as const
    for (const [decision, effect, untrusted] of rows)
      assert.deepEqual([decision.effect, decision.untrusted], [effect, untrusted])
  }
})

test('for the record it is asked of every decision, and whether anything hangs on it is said', async () => {
  asked.length = 0
  const decision = await decider(blind, new Set([ONE])).decide(operation(), caller({ grant: ONE }))
  assert.deepEqual([decision.effect, decision.untrusted, asked[0]?.[1]], ['granted', true, false])
  await decider(never, new Set()).decide(operation(), caller({ grant: ONE }))
  assert.equal(asked.at(-1)?.[1], true)
})

test('what only takes authority away on the authority never hangs on what a node does not know', async () => {
  const { decide } = decider(never, new Set())
  const matters = async (method: string, resource: string): Promise<boolean | undefined> => {
    asked.length = 0
    await decide(operation({ method, resource, name: '' }), caller({ authorizationDetails: [] }))
    return asked[0]?.[1]
  }
  for (const method of ['grant.revoke', 'agent.suspend', 'token.revoke', 'session.revoke', 'consent.refuse'])
    assert.equal(await matters(method, ISSUER), false, method)
  for (const method of ['agent.add', 'agent.resume', 'token.issue', 'anything.else'])
    assert.equal(await matters(method, ISSUER), true, method)
  asked.length = 0
  const self = alone(AGENT, [])
  await decide(operation({ method: 'grant.revoke', name: 'grant.revoke', subject: self.subject }), self)
  assert.equal(asked[0]?.[1], true, 'elsewhere a name says nothing')
})

test('marks that cannot be asked: refused', async () => {
  const broken = createDecider({
    ...{ snapshot: blind, registry, random, clock, issuer: ISSUER },
    untrusted: () => {
      throw new Error('no')
    },
  })
  assert.equal((await broken.decide(operation(), caller())).effect, 'refused')
})

const said = fc.record(
  {
    untrusted: fc.constantFrom<JsonValue>(false, true, null, 'false', 0, []),
    context: fc.constant<JsonValue>({ untrusted: false }),
    marks: fc.constant<JsonValue>([]),
  },
  { requiredKeys: [] },
)

test('whatever a call says in its arguments and beside them changes nothing', async () => {
  const { decide } = decider(never, new Set([ONE]))
  await fc.assert(
    fc.asyncProperty(said, async (claims) => {
      const op = operation({ arguments: claims as JsonValue, more: claims as JsonValue })
      assert.equal((await decide(op, caller({ grant: ONE }))).effect, 'refused')
      assert.equal((await decide(op, caller({ grant: TWO }))).effect, 'granted')
    }),
  )
})

test('over AuthZEN: what the request says changes nothing, and what is not known counts as marked', async () => {
  const request = (claims: object) => ({
    subject: { type: 'agent', id: AGENT, properties: claims },
    action: { name: 'tools/call', properties: claims },
    resource: { type: 'tool', id: JSON.stringify([FILES, 'read_file']), properties: claims },
    context: claims,
  })
  const facts = { subject: ALICE, granted: true, proof: 'dpop' as const }
  await fc.assert(
    fc.asyncProperty(said, fc.constantFrom(true, false, undefined), async (claims, untrusted) => {
      const verified = () => ({ ...facts, ...(untrusted === undefined ? {} : { untrusted }) })
      const answer = await evaluateAuthZen(request(claims), {
        snapshot: never,
        registry,
        clock,
        issuer: ISSUER,
        verified,
      })
      assert.equal(answer.decision, untrusted === false, JSON.stringify(claims))
    }),
  )
})
