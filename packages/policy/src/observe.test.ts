/** What observing does not enforce, and what nobody gets by it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallerFacts, Operation } from '@credence/model'
import { compilePolicySet, createDecider, quickstartPolicies } from './index.ts'
import type { RegistryView } from './registry-view.ts'
import {
  AGENT,
  ALICE,
  alone,
  atThePages,
  BOB,
  caller,
  clock,
  FILES,
  ISSUER,
  operation,
  random,
  registry,
  SUSPENDED,
} from './testing/facts.ts'

const observing: RegistryView = { ...registry, server: (resource) => ({ resource, name: 'any', observe: true }) }
const CALL = 'action == Action::"tools/call"'

const decide = async (text: string, op: Operation, by: CallerFacts, view: RegistryView = observing) => {
  const snapshot = await compilePolicySet({ files: [{ name: 'p.cedar', text }] })
  return createDecider({ snapshot, registry: view, random, clock, issuer: ISSUER }).decide(op, by)
}

test('what the policies refuse is done, and the decision says that it was refused and by what', async () => {
  const none = await decide('', operation(), caller())
  assert.deepEqual([none.effect, none.observed, none.policies], ['granted', 'refused', []])
  assert.equal(none.reason, 'Observed, not enforced: No policy permits tools/call of "read_file".')
  const forbidden = await decide(`@id("no") forbid (principal, ${CALL}, resource);`, operation(), caller())
  assert.deepEqual([forbidden.effect, forbidden.observed, forbidden.policies], ['granted', 'refused', ['no']])
})

test('neither a person nor an obligation stands in the way, and the decision says so', async () => {
  const asks = await decide(`@id("asks") @ask("person") permit (principal, ${CALL}, resource);`, operation(), caller())
  assert.deepEqual([asks.effect, asks.observed, asks.policies], ['granted', 'pending', ['asks']])
  const text = `@id("tells") @obligation("custom a=b") permit (principal, ${CALL}, resource);`
  const tells = await decide(text, operation(), caller())
  assert.deepEqual([tells.effect, tells.observed, tells.obligations], ['granted', 'granted', []])
})

test('a plain yes is a plain yes', async () => {
  const { effect, observed } = await decide(`permit (principal, ${CALL}, resource);`, operation(), caller())
  assert.deepEqual([effect, observed], ['granted', undefined])
})

test('nobody gets by observing what a grant, a key or a system policy refuses', async () => {
  const spiffe = { iss: ISSUER, sub: `spiffe://credence.test/agent/${SUSPENDED}` }
  const unknown = { iss: ISSUER, sub: 'spiffe://credence.test/agent/agt_unknown' }
  const act = { resource: 'authority', method: 'policy.apply', name: '' }
  const self = alone(AGENT, [])
  const cases: readonly (readonly [string, Operation, CallerFacts])[] = [
    ['beyond the grant', operation({ name: 'write_file' }), caller()],
    ['without a grant', operation(), caller({ authorizationDetails: [] })],
    ['a method that no grant of tools covers', operation({ method: 'resources/read', name: 'file:///x' }), caller()],
    ['for itself', operation({ subject: self.subject }), self],
    [
      'for itself, with details of its own',
      operation({ subject: self.subject }),
      { ...self, authorizationDetails: caller().authorizationDetails },
    ],
    ['a bearer token', operation(), caller({ proof: 'none' })],
    ['a suspended agent', operation(), caller({ actors: [{ party: spiffe, agent: SUSPENDED }], clientId: SUSPENDED })],
    [
      'an agent that is not registered',
      operation(),
      caller({ actors: [{ party: unknown, agent: 'agt_unknown' as typeof AGENT }], clientId: 'agt_unknown' }),
    ],
    ['an act on the authority', operation(act), caller({ scope: ['admin'] })],
    ['a person who does not own the domain', operation({ ...act, subject: BOB }), atThePages(BOB)],
    ["somebody else's operation", operation({ subject: BOB }), caller()],
    ['another domain', operation({ domain: 'dom_other' as Operation['domain'] }), caller()],
  ]
  for (const [what, op, by] of cases) {
    const quickstart = quickstartPolicies().files.map(({ text }) => text)
    for (const text of ['', ...quickstart]) {
      const { effect, observed } = await decide(text, op, by)
      assert.deepEqual([effect, observed], ['refused', undefined], what)
    }
  }
})

test('a system policy that objects beside a policy of the folder is enforced', async () => {
  const party = { iss: ISSUER, sub: `spiffe://credence.test/agent/${SUSPENDED}` }
  const suspended = caller({ actors: [{ party, agent: SUSPENDED }], clientId: SUSPENDED })
  const { effect, policies } = await decide('@id("no") forbid (principal, action, resource);', operation(), suspended)
  assert.deepEqual([effect, policies], ['refused', ['no', 'system.inactive-agents-do-nothing']])
})

test('only true is true, only of this very server, and what cannot be looked up is not observed', async () => {
  const views: readonly (readonly [string, RegistryView])[] = [
    ['unknown', { ...registry, server: () => undefined }],
    ['not set', registry],
    ['off', { ...registry, server: (resource) => ({ resource, name: 'a', observe: false }) }],
    ['not a flag', { ...registry, server: (resource) => ({ resource, name: 'a', observe: 'true' as never }) }],
    ['another', { ...registry, server: () => ({ resource: `${FILES}/`, name: 'a', observe: true }) }],
  ]
  for (const [what, view] of views)
    assert.equal((await decide('', operation(), caller(), view)).effect, 'refused', what)
  let asked = 0
  const broken: RegistryView = {
    ...registry,
    server: (resource) => {
      asked++
      if (asked > 1) throw new Error('gone')
      return { resource, name: 'a', observe: true }
    },
  }
  const { effect, policies } = await decide('', operation({ subject: ALICE }), caller(), broken)
  assert.deepEqual([effect, policies], ['refused', []])
})

test('evaluation that fails is no decision of the policies', async () => {
  const snapshot = await compilePolicySet({ files: [] })
  const fails = {
    ...snapshot,
    evaluate: () => {
      throw new Error('broken')
    },
  }
  const late = { ...snapshot, evaluate: () => Promise.reject(new Error('broken')) }
  for (const broken of [fails, late]) {
    const decider = createDecider({ snapshot: broken, registry: observing, random, clock, issuer: ISSUER })
    const { effect, observed } = await decider.decide(operation(), caller())
    assert.deepEqual([effect, observed], ['refused', undefined])
  }
})
