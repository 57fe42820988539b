/** Effective rights are the intersection of what the agent, the subject's grant and the resource's policies allow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallerFacts, Decision } from '@credence/model'
import fc from 'fast-check'
import { compilePolicySet, createDecider, type PolicySource } from './index.ts'
import type { AgentView, RegistryView } from './registry-view.ts'
import { AGENT, ALICE, alone, caller, clock, FILES, ISSUER, operation, random, registry } from './testing/facts.ts'

const TOOLS = ['read', 'write', 'own', 'never'] as const
const OTHER = 'https://gateway.test/mcp/other'

const source = (text: string): PolicySource => ({ files: [{ name: 'p.cedar', text }] })
const POLICIES = `
permit (principal, action == Action::"tools/call", resource in Server::"${FILES}")
when { context.granted && context.proof != "none" } unless { resource.name == "never" };
permit (principal in Group::"jobs", action == Action::"tools/call", resource in Server::"${FILES}")
when { context.self && resource.name == "own" };
`
const closed = `${POLICIES} forbid (principal, action, resource) when { resource has name && resource.name == "write" };`
const snapshots = {
  open: await compilePolicySet(source(POLICIES)),
  closed: await compilePolicySet(source(closed)),
  none: await compilePolicySet({ files: [] }),
}

interface Case {
  readonly status: AgentView['status'] | 'unknown'
  readonly groups: readonly string[]
  /** Undefined: the agent acts for itself. */
  readonly grant: { readonly at: string; readonly tools: readonly string[] } | undefined
  readonly proof: CallerFacts['proof']
  readonly at: string
  readonly tool: (typeof TOOLS)[number]
  readonly policies: keyof typeof snapshots
}

const cases: fc.Arbitrary<Case> = fc.record({
  status: fc.constantFrom('active', 'suspended', 'retired', 'unknown'),
  groups: fc.constantFrom([], ['jobs'], ['others', 'jobs'], ['others']),
  grant: fc.option(
    fc.record({
      at: fc.constantFrom(FILES, OTHER),
      tools: fc.uniqueArray(fc.constantFrom(...TOOLS), { minLength: 1 }),
    }),
    { nil: undefined },
  ),
  proof: fc.constantFrom('dpop', 'mtls', 'none'),
  at: fc.constantFrom(FILES, OTHER),
  tool: fc.constantFrom(...TOOLS),
  policies: fc.constantFrom('open', 'closed', 'none'),
})

const decide = (one: Case): Decision => {
  const view: RegistryView = {
    ...registry,
    agent: (id) =>
      one.status === 'unknown' ? undefined : { id, status: one.status, role: 'agent', groups: one.groups },
  }
  const details =
    one.grant === undefined ? [] : [{ type: 'mcp_tools', locations: [one.grant.at], tools: one.grant.tools }]
  const { proof } = one
  const by =
    one.grant === undefined
      ? alone(AGENT, [], { proof })
      : caller({
          proof,
          subject: ALICE,
          authorizationDetails: details as unknown as CallerFacts['authorizationDetails'],
        })
  const asked = operation({ resource: one.at, name: one.tool, subject: by.subject })
  const decider = createDecider({ snapshot: snapshots[one.policies], registry: view, random, clock, issuer: ISSUER })
  return decider.decide(asked, by) as Decision
}

const agentAllows = ({ status }: Case): boolean => status === 'active'
const grantAllows = ({ grant, at, tool }: Case): boolean =>
  grant === undefined || (grant.at === at && grant.tools.includes(tool))
const policiesAllow = ({ policies, at, tool, grant, groups, proof }: Case): boolean => {
  if (policies === 'none' || at !== FILES || (policies === 'closed' && tool === 'write')) return false
  return grant === undefined ? tool === 'own' && groups.includes('jobs') : tool !== 'never' && proof !== 'none'
}

test('granted is what all of them allow, and nothing else', () => {
  let granted = 0
  fc.assert(
    fc.property(cases, (one) => {
      const { effect } = decide(one)
      if (effect === 'granted') granted++
      assert.equal(effect === 'granted', agentAllows(one) && grantAllows(one) && policiesAllow(one))
    }),
    { numRuns: 5000 },
  )
  assert.ok(granted > 50, `${granted} cases were granted`)
})

test('taking away from any of them never gives', () => {
  fc.assert(
    fc.property(cases, fc.constantFrom('agent', 'grant', 'policies'), (one, what) => {
      const less: Case =
        what === 'agent'
          ? { ...one, status: 'suspended' }
          : what === 'policies'
            ? { ...one, policies: one.policies === 'open' ? 'closed' : 'none' }
            : { ...one, grant: one.grant && { ...one.grant, tools: one.grant.tools.slice(1) } }
      if (decide(one).effect !== 'granted') assert.notEqual(decide(less).effect, 'granted')
    }),
    { numRuns: 3000 },
  )
})
